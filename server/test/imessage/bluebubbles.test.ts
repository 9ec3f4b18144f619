/** The backend over BlueBubbles, against a pretended Mac: everything it does, and what it makes of all that goes wrong. */
import { describe, expect, test } from 'vitest'
import type { ServerChat } from '../../src/channels/imessage/backend.ts'
import { ChatGone, ServerTrouble } from '../../src/channels/imessage/troubles.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle } from '../../src/model/ids.ts'
import { ada, bo, bytesOf, fileOf, openStage, type Stage } from './mac.ts'

const { signal } = new AbortController()
let named = 0
const draft = (chat: ServerChat, changes: object = {}) => ({
  ...{ chat, tempId: `t-${++named}`, privately: true, replyTo: null, effect: null },
  ...changes,
})
const textTo = (chat: ServerChat, text: string, changes: object = {}) => ({ ...draft(chat, changes), text })
const png = Buffer.from('89504e470d0a1a0a', 'hex')

async function failureOf(work: Promise<unknown>): Promise<SendFailure> {
  const error = await work.then(
    () => new Error('It went well.'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(SendFailure)
  return error as SendFailure
}

/** Three people and the line. */
async function groupOn({ network, quiet }: Stage): Promise<ServerChat> {
  const guid = network.person(ada).startsGroup([bo], { name: 'Friends' })
  await quiet()
  return guid as ServerChat
}

describe('how things stand', () => {
  test('is told', async () => {
    const { backend } = await openStage()
    expect(await backend.look(signal)).toEqual({
      ...{ serverVersion: '1.9.9', macos: 14, privateApi: 'connected' },
      ...{ imessage: 'line@icloud.example', icloud: 'line@icloud.example' },
      aliases: ['+15550100300', 'line@icloud.example'],
    })
  })

  test.each([
    [{ helperConnected: false }, { privateApi: 'unconnected', aliases: null }],
    [
      { privateApi: false, helperConnected: false },
      { privateApi: 'off', aliases: null },
    ],
    [
      { account: null, icloudAccount: null },
      { imessage: null, icloud: null },
    ],
    [{ macos: '26.0' }, { macos: 26 }],
    [{ macos: '12.7' }, { macos: 12 }],
  ])('with %j it is %j', async (mac, expected) => {
    const { backend } = await openStage({ mac })
    expect(await backend.look(signal)).toMatchObject(expected)
  })

  test('is not told to who has another password', async () => {
    const { backend, network } = await openStage()
    network.faults.refuse(true)
    await expect(backend.look(signal)).rejects.toMatchObject({ name: 'ServerTrouble', status: 401 })
  })
})

describe('webhooks', () => {
  const url = 'http://127.0.0.1:9/v1/providers/L-1/imessage/event-1'
  const left = (network: Stage['network']) => network.webhooks().map((one) => [one.url, one.events])

  test('are had for everything, once', async () => {
    const { backend, network } = await openStage()
    await backend.listen(url, signal)
    await backend.listen(url, signal)
    expect(left(network)).toEqual([[url, ['*']]])
    expect(network.requests().filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  test('of ours that lead elsewhere go, and those of others stay', async () => {
    const { backend, network } = await openStage()
    const others = ['http://127.0.0.1:9/v1/providers/L-2/imessage/event-1', 'http://127.0.0.1:9/hook']
    for (const other of others) await backend.listen(other, signal)
    const older = ['http://old.example/v1/providers/L-1/imessage/event-1', url.replace('event-1', 'event-0')]
    for (const old of older) {
      await backend.listen(old, signal)
      await backend.listen(url, signal)
      expect(left(network)).toEqual([...others, url].map((one) => [one, ['*']]))
    }
  })

  test('for something else are had anew', async () => {
    const { backend, network } = await openStage()
    const asked = { url, events: ['new-message'] }
    await fetch(`${network.url}/api/v1/webhook?password=${network.password}`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) },
    })
    expect(left(network)).toEqual([[url, ['new-message']]])
    await backend.listen(url, signal)
    expect(left(network)).toEqual([[url, ['*']]])
  })
})

describe('rows', () => {
  test('are read as they came, and one by one', async () => {
    const { backend, network } = await openStage()
    expect(await backend.lastRow(signal)).toBe(0)
    expect(await backend.rowsAfter(0, signal)).toEqual({ rows: [], upTo: 0, more: false })
    const person = network.person(ada)
    const first = person.says('one')
    const second = person.says('two', { replyTo: first, effect: 'com.apple.MobileSMS.expressivesend.impact' })
    const reaction = person.reacts(first, 'love')
    const emoji = person.reacts(first, '🎉')
    const page = await backend.rowsAfter(0, signal)
    expect(page).toMatchObject({ upTo: await backend.lastRow(signal), more: false })
    expect(page.rows).toMatchObject([
      { guid: first, from: ada, text: 'one', service: 'iMessage', chat: { chat: `iMessage;-;${ada}`, isGroup: false } },
      { guid: second, text: 'two', replyTo: first, effect: 'slam' },
      { guid: reaction, tapback: { target: first, reaction: 'love' } },
      { guid: emoji, tapback: { target: first, reaction: '🎉' } },
    ])
    expect(await backend.row(second, signal)).toEqual(page.rows[1])
    expect(await backend.row('nobody', signal)).toBeNull()
    expect(await backend.rowsAfter(page.upTo, signal)).toEqual({ rows: [], upTo: page.upTo, more: false })
    expect((await backend.rowsAfter(page.rows[2]?.number ?? 0, signal)).rows.map(({ guid }) => guid)).toEqual([emoji])
  })

  test('that are edited and taken back say so', async () => {
    const { backend, network } = await openStage()
    const [edited, unsent] = [network.person(ada).says('one'), network.person(ada).says('two')]
    network.person(ada).edits(edited, 'better')
    network.person(ada).unsends(unsent)
    expect(await backend.row(edited, signal)).toMatchObject({
      ...{ text: 'better', isUnsent: false, editedAt: expect.any(Date) },
    })
    expect(await backend.row(unsent, signal)).toMatchObject({ text: null, isUnsent: true, mayHaveFiles: false })
  })

  test('by the thousand come each once and in their order, with old ones that came late among them', async () => {
    const { backend, network } = await openStage()
    const people = Array.from({ length: 5 }, (_, place) => network.person(`+1415555020${place}`))
    for (let count = 0; count < 2_300; count++) people[count % 5]?.says(`message ${count}`)
    const old = Array.from({ length: 300 }, (_, place) => ({
      from: ada,
      text: `old ${place}`,
      agoMs: 100 * 86_400_000,
    }))
    network.faults.backfill(old)
    for (let count = 0; count < 100; count++) people[count % 5]?.says(`more ${count}`)
    expect(await backend.lastRow(signal)).toBe(2_700)
    const seen: number[] = []
    let from = 0
    for (let isMore = true; isMore; ) {
      const { rows, upTo, more } = await backend.rowsAfter(from, signal)
      expect(upTo).toBeGreaterThanOrEqual(rows.at(-1)?.number ?? from)
      seen.push(...rows.map(({ number }) => number))
      from = upTo
      isMore = more
    }
    expect(seen).toEqual(Array.from({ length: 2_700 }, (_, place) => place + 1))
    const since = await backend.rowsSince(new Date(1_500_000_000_000), {}, signal)
    expect(since).toHaveLength(2_700)
    expect(since[0]?.text).toBe('old 0')
  })

  test('since a time are those of a chat, or ours', async () => {
    const { backend, chatWith, quiet } = await openStage()
    const [withAda, withBo] = [await chatWith(ada), await chatWith(bo)]
    const sent = await backend.sendText(textTo(withAda, 'ours'), signal)
    await quiet()
    const begin = new Date(0)
    const textsOf = async (which: object) => (await backend.rowsSince(begin, which, signal)).map(({ text }) => text)
    expect(await textsOf({})).toEqual(['Hello', 'Hello', 'ours'])
    expect(await textsOf({ chat: withAda })).toEqual(['Hello', 'ours'])
    expect(await textsOf({ chat: withBo })).toEqual(['Hello'])
    expect(await textsOf({ ours: true })).toEqual(['ours'])
    expect(await textsOf({ ours: true, chat: withBo })).toEqual([])
    expect(await textsOf({ chat: 'iMessage;-;nobody' })).toEqual([])
    expect(await backend.rowsSince(sent.at, {}, signal)).toMatchObject([{ guid: sent.guid }])
  })

  test('of SMS are told from the others', async () => {
    const { backend, network } = await openStage({ mac: { smsForwarding: true } })
    network.person(ada).says('by SMS', { service: 'SMS' })
    expect((await backend.rowsAfter(0, signal)).rows).toMatchObject([{ service: 'other', text: 'by SMS' }])
  })

  test('on macOS 26 are in chats with other names', async () => {
    const { backend, network } = await openStage({ mac: { macos: '26.0' } })
    network.person(ada).says('hi')
    expect((await backend.rowsAfter(0, signal)).rows).toMatchObject([
      { service: 'iMessage', chat: { chat: `any;-;${ada}`, isGroup: false } },
    ])
  })
})

describe('files', () => {
  test('come as they were sent, whatever the server makes of them', async () => {
    const { backend, network } = await openStage()
    const memo = network
      .person(ada)
      .sends({ name: 'Audio Message.caf', bytes: Buffer.from('caff…') }, { isAudioMessage: true })
    const { rows } = await backend.rowsAfter(0, signal)
    const [file] = rows[0]?.files ?? []
    expect(file).toMatchObject({ mimeType: 'audio/x-caf', name: 'Audio Message.caf', isReady: true, voiceNote: true })
    expect((await backend.row(memo, signal))?.files).toEqual(rows[0]?.files)
    expect((await bytesOf(backend.file(file?.guid ?? ''))).toString()).toBe('caff…')
    await expect(backend.file('nothing')).rejects.toBeInstanceOf(ServerTrouble)
    network.faults.purgeFile(file?.guid ?? '')
    await expect(backend.file(file?.guid ?? '')).rejects.toMatchObject({ status: 500 })
  })

  test('that come late are missed for a while', async () => {
    const { backend, network, clock, quiet } = await openStage()
    network.faults.lateFiles({ afterMs: 60_000 })
    const guid = network.person(ada).sends({ name: 'a.png', bytes: png })
    expect(await backend.row(guid, signal)).toMatchObject({ files: [], mayHaveFiles: true })
    clock.skip(60_000)
    await quiet()
    expect(await backend.row(guid, signal)).toMatchObject({ files: [{ name: 'a.png' }], mayHaveFiles: false })
  })
})

describe('chats and people', () => {
  test('are known, with those who are in them', async () => {
    const stage = await openStage()
    const { backend, network } = stage
    const group = await groupOn(stage)
    expect(await backend.chat(group, signal)).toEqual({
      chat: group,
      isGroup: true,
      name: 'Friends',
      members: [ada, bo],
    })
    expect(await backend.chat(`iMessage;-;${ada}` as ServerChat, signal)).toBeNull()
    for (const person of [ada, bo]) network.person(person).leaves(group)
    expect(await backend.chat(group, signal)).toMatchObject({ chat: group, members: [] })
  })

  test('are found by their numbers in rows, and asked for once', async () => {
    const stage = await openStage()
    const { backend, network, quiet } = stage
    const group = await groupOn(stage)
    const cy = '+14155550177'
    network.person(ada).addsTo(group, cy)
    network.person(ada).renames(group, 'Better')
    network.person(ada).setsIcon(group, png)
    network.person(bo).leaves(group)
    network.person(ada).removesLine(group)
    await quiet()
    const changes = (await backend.rowsAfter(0, signal)).rows.flatMap(({ change }) => change ?? [])
    expect(changes.slice(1)).toMatchObject([
      { what: 'joined' },
      { what: 'title', title: 'Better' },
      { what: 'photo', isRemoved: false },
      { what: 'left', person: { handle: bo } },
      { what: 'left' },
    ])
    const joined = changes[1]
    const number =
      joined?.what === 'joined' && joined.person !== 'us' && 'number' in joined.person ? joined.person.number : 0
    expect(await backend.person(number, signal)).toBe(cy)
    expect(await backend.person(number, signal)).toBe(cy)
    expect(network.requests().filter(({ path }) => path.includes('/handle/query'))).toHaveLength(1)
    for (let times = 0; times < 3; times += 1) expect(await backend.person(999, signal)).toBeNull()
    expect(network.requests().filter(({ path }) => path.includes('/handle/query'))).toHaveLength(2)
    expect(await bytesOf(backend.icon(group))).toEqual(png)
  })

  test('who came after the others were read are found as well', async () => {
    const stage = await openStage()
    const { backend, network, quiet } = stage
    const group = await groupOn(stage)
    const joinedIn = async () => {
      const changes = (await backend.rowsAfter(0, signal)).rows.flatMap(({ change }) => change ?? [])
      const last = changes.findLast(({ what }) => what === 'joined')
      return last?.what === 'joined' && last.person !== 'us' && 'number' in last.person ? last.person.number : 0
    }
    for (const address of ['+14155550177', '+14155550178']) {
      network.person(ada).addsTo(group, address)
      await quiet()
      expect(await backend.person(await joinedIn(), signal)).toBe(address)
    }
  })

  test('are reachable or not', async () => {
    const { backend, network, people } = await openStage()
    people.set('+14155550170', { onImessage: false })
    expect(await backend.onImessage(ada as Handle, signal)).toBe(true)
    expect(await backend.onImessage('+14155550170' as Handle, signal)).toBe(false)
    expect(await backend.onFacetime(bo as Handle, signal)).toBe(true)
    network.faults.denyNext(1)
    expect(await backend.onImessage(ada as Handle, signal)).toBe(false)
  })

  test('may not want to be disturbed', async () => {
    const { backend, network, chatWith } = await openStage()
    expect(await backend.focus(ada as Handle, signal)).toBe('unknown')
    await chatWith(ada)
    expect(await backend.focus(ada as Handle, signal)).toBe('none')
    network.person(ada).focuses(true)
    expect(await backend.focus(ada as Handle, signal)).toBe('silenced')
  })
})

describe('what is sent', () => {
  test('arrives as a text with all that belongs to it', async () => {
    const { backend, network, chatWith, quiet } = await openStage()
    const chat = await chatWith(ada)
    const question = network.person(ada).says('What?')
    const row = await backend.sendText(textTo(chat, 'This. ✓\n“so”', { replyTo: question, effect: 'balloons' }), signal)
    expect(row).toMatchObject({
      isOurs: true,
      from: null,
      text: 'This. ✓\n“so”',
      effect: 'balloons',
      replyTo: question,
    })
    await quiet()
    expect(network.person(ada).received).toMatchObject([
      {
        ...{ guid: row.guid, chat, text: 'This. ✓\n“so”', replyTo: { guid: question } },
        effect: 'com.apple.messages.effect.CKHappyBirthdayEffect',
      },
    ])
    expect(await backend.row(row.guid, signal)).toMatchObject({ isDelivered: true, error: 0 })
  })

  test('goes by script when there is no other way', async () => {
    const { backend, network, chatWith } = await openStage({ mac: { privateApi: false, helperConnected: false } })
    const chat = await chatWith(ada)
    const row = await backend.sendText(textTo(chat, 'by script', { privately: false }), signal)
    expect(row).toMatchObject({ text: 'by script', isOurs: true })
    await backend.sendFile({ ...draft(chat, { privately: false }), file: fileOf(png), name: 'a.png' }, signal)
    expect(network.person(ada).received).toMatchObject([{ text: 'by script' }, { files: [{ bytes: png }] }])
  })

  test('arrives as a file, byte for byte, under a name that does no harm', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    const names = ['photo.png', '../../$(reboot).png', '"; rm -rf ~; ".png', '-rf.png', '', `${'x'.repeat(500)}.png`]
    for (const name of names) await backend.sendFile({ ...draft(chat), file: fileOf(png), name }, signal)
    const { received } = network.person(ada)
    expect(received.map(({ files }) => files[0]?.bytes)).toEqual(names.map(() => png))
    expect(received[0]).toMatchObject({ isAudioMessage: false, files: [{ name: 'photo.png' }] })
    expect(network.breaches).toEqual([])
  })

  test('arrives as a voice note', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    const memo = fileOf(Buffer.from('caff…'), { kind: 'audio', mimeType: 'audio/x-caf', voiceNote: true })
    await backend.sendFile({ ...draft(chat), file: memo, name: 'memo.caf' }, signal)
    expect(network.person(ada).received).toMatchObject([{ isAudioMessage: true, files: [{ name: 'memo.caf' }] }])
  })

  test('of 100 MB arrives without being held in memory', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    const piece = Buffer.alloc(1_048_576, 7)
    let opened = 0
    const file = fileOf(png, {
      bytes: 100 * piece.length,
      open: async () => {
        opened += 1
        const { Readable } = await import('node:stream')
        return Readable.from(
          (function* () {
            for (let count = 0; count < 100; count++) yield piece
          })(),
          { objectMode: false },
        )
      },
    })
    await backend.sendFile({ ...draft(chat), file, name: 'large.mov' }, signal)
    expect(network.person(ada).received[0]?.files[0]?.bytes.length).toBe(100 * piece.length)
    expect(opened).toBe(1)
  })

  test('arrives in several parts, with mentions and a gallery', async () => {
    const stage = await openStage()
    const { backend, network } = stage
    const group = await groupOn(stage)
    const paths = [
      await backend.upload(fileOf(png), 'one.png', signal),
      await backend.upload(fileOf(png), '../2.png', signal),
    ]
    const files = paths.map((path, place) => ({ path, name: `${place}.png` }))
    const mentions = [
      { handle: bo as Handle, start: 11, length: 2 },
      { handle: ada as Handle, start: 3, length: 3 },
    ]
    const row = await backend.sendParts({ ...draft(group), text: 'Hi Ada and Bo!', mentions, files }, signal)
    expect(network.person(ada).received.at(-1)).toMatchObject({
      ...{ guid: row.guid, files: [{ name: '0.png', bytes: png }, { name: '1.png' }] },
      mentions: [
        { address: ada, start: 3, length: 3 },
        { address: bo, start: 11, length: 2 },
      ],
      text: expect.stringContaining('Hi Ada and Bo!'),
    })
    await backend.sendParts({ ...draft(group), text: null, mentions: [], files }, signal)
    expect(network.person(bo).received.at(-1)?.files).toHaveLength(2)
    expect(network.breaches).toEqual([])
  })

  test('begins a chat with an effect', async () => {
    const { backend, network } = await openStage()
    const draft = { people: [ada as Handle], tempId: 't-effect', privately: true, text: 'Surprise' }
    await backend.startChat({ ...draft, effect: 'confetti' }, signal)
    const effect = 'com.apple.messages.effect.CKConfettiEffect'
    expect(network.person(ada).received).toMatchObject([{ text: 'Surprise', effect }])
  })

  test('begins a chat, of two or of more', async () => {
    const { backend, network, people: directory } = await openStage()
    const begin = (people: string[], text: string) =>
      backend.startChat(
        { people: people as Handle[], tempId: `t-${++named}`, privately: true, text, effect: null },
        signal,
      )
    const { chat, row } = await begin([ada], 'First')
    expect(chat).toEqual({ chat: `iMessage;-;${ada}`, isGroup: false, name: null, members: [ada] })
    expect(row).toMatchObject({ text: 'First', isOurs: true, chat: { chat: chat.chat } })
    const group = await begin([ada, bo], 'All')
    expect(group.chat).toMatchObject({ isGroup: true, name: null, members: [ada, bo] })
    expect((await begin([ada, bo], 'Again')).chat.chat).toBe(group.chat.chat)
    expect(network.person(ada).received.map(({ text }) => text)).toEqual(['First', 'All', 'Again'])
    directory.set('+14155550170', { onImessage: false })
    expect(await failureOf(begin([ada, '+14155550170'], 'x'))).toMatchObject({ kind: 'unreachable' })
  })
})

describe('a send that fails', () => {
  const send = (backend: Stage['backend'], chat: ServerChat) =>
    failureOf(backend.sendText(textTo(chat, 'hello'), signal))

  test.each<[number, string]>([
    [22, 'unreachable'],
    [25, 'refused'],
    [8, 'retryable'],
    [77, 'uncertain'],
  ])('at once with the error %i is %s', async (code, kind) => {
    const { backend, network, chatWith } = await openStage({ quirks: { losesFailedRow: false } })
    const chat = await chatWith(ada)
    network.faults.nextSends({ kind: 'errorAtOnce', code })
    expect(await send(backend, chat)).toMatchObject({ kind, message: expect.stringContaining(`(${code})`) })
    // Of files the server says that all went well.
    network.faults.nextSends({ kind: 'errorAtOnce', code })
    const file = backend.sendFile({ ...draft(chat), file: fileOf(png), name: 'a.png' }, signal)
    expect(await failureOf(file)).toMatchObject({ kind })
  })

  test('at once without saying how is uncertain', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    network.faults.nextSends({ kind: 'errorAtOnce', code: 22 })
    expect(await send(backend, chat)).toMatchObject({ kind: 'uncertain', code: 'PROVIDER_TIMEOUT' })
    expect((await backend.rowsSince(new Date(0), { ours: true }, signal))[0]).toMatchObject({ error: 22 })
  })

  test.each([
    [{ kind: 'timesOut', rowAfterMs: null }],
    [{ kind: 'timesOut', rowAfterMs: 60_000 }],
    [{ kind: 'neverWritten' }],
    [{ kind: 'refused', words: 'Failed to send message!' }],
    [{ kind: 'refused', words: 'tell application "Messages" to send "Chat does not exist!"' }],
  ] as const)('with %j is uncertain', async (fate) => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    network.faults.nextSends(fate)
    const failure = await send(backend, chat)
    expect(failure).toMatchObject({ kind: 'uncertain', code: 'PROVIDER_TIMEOUT' })
    expect(failure.message).not.toMatch(/tell application|hello|Failed/)
  })

  test('by a script that hangs is uncertain', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    network.faults.nextSends({ kind: 'scriptHangs' })
    const sent = backend.sendText(textTo(chat, 'hello', { privately: false }), signal)
    expect(await failureOf(sent)).toMatchObject({ kind: 'uncertain' })
    expect(network.person(ada).received).toHaveLength(1)
  })

  test('by a script that is broken tells nothing of the script', async () => {
    const { backend, chatWith } = await openStage({ mac: { macos: '26.0' } })
    const chat = await chatWith(ada)
    const failure = await failureOf(backend.sendText(textTo(chat, 'my words', { privately: false }), signal))
    expect(failure.message).not.toMatch(/my words|1415|tell/)
  })

  test.each([[{ privateApi: false, helperConnected: false }], [{ helperConnected: false }]])(
    'for want of the helper (%j) may be tried again, with all others',
    async (mac) => {
      const stage = await openStage()
      const { backend, network, chatWith } = stage
      const chat = await chatWith(ada)
      const target = { chat, guid: network.messages()[0]?.guid ?? '' }
      Object.assign(network.mac, mac)
      const tries = [
        backend.sendText(textTo(chat, 'hello'), signal),
        backend.sendFile({ ...draft(chat), file: fileOf(png), name: 'a.png' }, signal),
        backend.upload(fileOf(png), 'a.png', signal),
        backend.startChat({ people: [ada as Handle], tempId: 't', privately: true, text: 'x', effect: null }, signal),
        backend.react(target, 'love', false, signal),
        backend.typing(chat, true, signal),
        backend.markRead(chat, true, signal),
        backend.edit(target, { text: 'x', fallback: 'y' }, signal),
      ]
      for (const failure of await Promise.all(tries.map(failureOf))) {
        expect(failure).toMatchObject({ kind: 'retryable', scope: 'link', code: 'SERVICE_UNAVAILABLE' })
      }
    },
  )

  test('because the chat is not there can be told from others', async () => {
    const { backend } = await openStage()
    const nowhere = `iMessage;-;${ada}` as ServerChat
    expect(await send(backend, nowhere)).toBeInstanceOf(ChatGone)
    expect(await failureOf(backend.rename(nowhere, 'x', signal))).toBeInstanceOf(ChatGone)
    expect(await failureOf(backend.addMember(nowhere, bo as Handle, signal))).toBeInstanceOf(ChatGone)
  })

  test('while the same is under way is uncertain', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    network.faults.nextSends({ kind: 'timesOut', rowAfterMs: null })
    const twice = textTo(chat, 'hello')
    const first = failureOf(backend.sendText(twice, signal))
    await expect.poll(() => network.requests().some(({ path }) => path.includes('/message/text'))).toBe(true)
    expect(await failureOf(backend.sendText(twice, signal))).toMatchObject({
      ...{ kind: 'uncertain', message: 'The Mac is still busy with the same message.' },
    })
    await first
  })

  test('with another password may be tried again', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    network.faults.refuse(true)
    expect(await send(backend, chat)).toMatchObject({ kind: 'retryable', scope: 'link' })
  })

  test('because nothing listens there may be tried again', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    await network.cut()
    await expect.poll(async () => (await send(backend, chat)).kind).toBe('retryable')
    await expect(backend.look(signal)).rejects.toThrow('does not accept connections')
  })

  test('because its answer is lost, or we gave up, is uncertain', async () => {
    const { backend, network, chatWith, quiet } = await openStage()
    const chat = await chatWith(ada)
    network.faults.loseNextAnswer()
    const stop = new AbortController()
    const lost = failureOf(backend.sendText(textTo(chat, 'hello'), stop.signal))
    await quiet()
    await expect.poll(() => network.person(ada).received.length).toBe(1)
    stop.abort()
    expect(await lost).toMatchObject({ kind: 'uncertain', code: 'PROVIDER_TIMEOUT' })
    const before = backend.sendText(textTo(chat, 'hello'), AbortSignal.abort())
    expect(await failureOf(before)).toMatchObject({ kind: 'retryable' })
  })

  test('because its file cannot be read may be tried again', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    const lost = fileOf(png, { open: () => Promise.reject(new Error('gone')) })
    const short = fileOf(png, { bytes: 9 })
    for (const file of [lost, short]) {
      const failure = await failureOf(backend.sendFile({ ...draft(chat), file, name: 'a.png' }, signal))
      expect(failure).toMatchObject({ kind: 'retryable', scope: 'message' })
    }
    expect(network.person(ada).received).toEqual([])
  })
})

describe('what is done with messages', () => {
  async function said(stage: Stage) {
    const chat = await stage.chatWith(ada)
    const { guid } = await stage.backend.sendText(textTo(chat, 'one'), signal)
    await stage.quiet()
    return { chat, guid }
  }

  test('is seen by those who got them', async () => {
    const stage = await openStage()
    const { backend, network } = stage
    const target = await said(stage)
    await backend.react(target, 'laugh', false, signal)
    await backend.react(target, 'laugh', true, signal)
    await backend.edit(target, { text: 'better', fallback: 'Edited to “better”' }, signal)
    await backend.edit(target, { text: 'best', fallback: 'Edited to “best”' }, signal)
    await backend.unsend(target, signal)
    await stage.quiet()
    const person = network.person(ada)
    expect(person.reactions.map(({ reaction }) => reaction)).toEqual(['laugh', '-laugh'])
    expect(person.received).toMatchObject([{ edits: ['better', 'best'], isUnsent: true }])
    expect(await backend.row(target.guid, signal)).toMatchObject({ isUnsent: true })
  })

  test('and is not done after all is refused', async () => {
    const stage = await openStage({ quirks: { ignoresEdits: true, ignoresUnsends: true } })
    const target = await said(stage)
    const edited = stage.backend.edit(target, { text: 'x', fallback: 'y' }, signal)
    expect(await failureOf(edited)).toMatchObject({ kind: 'refused', code: 'EDIT_FAILED' })
    expect(await failureOf(stage.backend.unsend(target, signal))).toMatchObject({
      ...{ kind: 'refused', code: 'UNSEND_FAILED' },
    })
  })

  test('and are not there is refused', async () => {
    const stage = await openStage()
    const { chat } = await said(stage)
    const target = { chat, guid: 'nothing' }
    expect(await failureOf(stage.backend.edit(target, { text: 'x', fallback: 'y' }, signal))).toMatchObject({
      ...{ kind: 'refused', code: 'EDIT_FAILED' },
    })
    expect(await failureOf(stage.backend.react(target, 'love', false, signal))).toMatchObject({
      ...{ kind: 'refused', code: 'REACTION_FAILED' },
    })
  })

  test('and the server is gone, did not happen', async () => {
    const stage = await openStage()
    const target = await said(stage)
    await stage.network.cut()
    const edited = () => failureOf(stage.backend.edit(target, { text: 'x', fallback: 'y' }, signal))
    await expect.poll(async () => (await edited()).kind).toBe('retryable')
  })
})

describe('what is done with chats', () => {
  test('typing is shown, and to stop it this version is not asked', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    await backend.typing(chat, true, signal)
    await backend.typing(chat, false, signal)
    expect(network.person(ada).seen.map(({ isTyping }) => isTyping)).toEqual([true])
    expect(network.requests().filter(({ method }) => method === 'DELETE')).toEqual([])
  })

  test('it is read and unread', async () => {
    const { backend, network, chatWith } = await openStage()
    const chat = await chatWith(ada)
    await backend.markRead(chat, true, signal)
    expect(network.person(ada).readBy).toHaveLength(1)
    await backend.markRead(chat, false, signal)
    expect(network.requests().at(-1)?.path).toContain('/unread')
  })

  test('a group is renamed, gets another picture, and is left', async () => {
    const stage = await openStage()
    const { backend, network, quiet } = stage
    const group = await groupOn(stage)
    await backend.rename(group, 'Better', signal)
    await backend.rename(group, 'Better', signal)
    expect(await backend.chat(group, signal)).toMatchObject({ name: 'Better', members: [ada, bo] })
    await backend.setIcon(group, { bytes: png, mimeType: 'image/png' }, signal)
    expect(await bytesOf(backend.icon(group))).toEqual(png)
    await backend.setIcon(group, null, signal)
    await expect(backend.icon(group)).rejects.toMatchObject({ status: 404 })
    await backend.leave(group, signal)
    await quiet()
    expect(network.chats().find(({ guid }) => guid === group)).toMatchObject({ hasLeft: true })
    expect(network.breaches).toEqual([])
  })

  test('people come and go', async () => {
    const stage = await openStage()
    const { backend } = stage
    const group = await groupOn(stage)
    const cy = '+14155550177' as Handle
    await backend.addMember(group, cy, signal)
    expect((await backend.chat(group, signal))?.members).toEqual([ada, bo, cy])
    await backend.removeMember(group, bo as Handle, signal)
    expect((await backend.chat(group, signal))?.members).toEqual([ada, cy])
  })

  test('what Messages does not do is refused', async () => {
    const stage = await openStage()
    const { backend, network } = stage
    const group = await groupOn(stage)
    network.quirks.ignoresGroupChanges = true
    const refused = { kind: 'refused', code: 'CHAT_CHANGE_FAILED' }
    expect(await failureOf(backend.addMember(group, '+14155550177' as Handle, signal))).toMatchObject(refused)
    expect(await failureOf(backend.removeMember(group, bo as Handle, signal))).toMatchObject(refused)
    expect(await failureOf(backend.rename(group, 'Better', signal))).toMatchObject({ code: 'CHAT_CHANGE_FAILED' })
  })

  test('a chat of two is no group', async () => {
    const { backend, chatWith } = await openStage()
    const chat = await chatWith(ada)
    const refused = { kind: 'refused', code: 'CHAT_CHANGE_FAILED' }
    expect(await failureOf(backend.rename(chat, 'x', signal))).toMatchObject(refused)
    expect(await failureOf(backend.addMember(chat, bo as Handle, signal))).toMatchObject(refused)
  })
})
