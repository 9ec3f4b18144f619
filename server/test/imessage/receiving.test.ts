/** What people write over iMessage comes in once and in order, whatever the server on the Mac tells twice, late or never. */
import { afterEach, describe, expect, test } from 'vitest'
import type { IncomingMessage } from '../../src/channels/connector.ts'
import { openStand, pollEveryMs, type Stand, type StandOptions, us } from './receiving-stand.ts'

const ada = '+12025550142'
const bob = '+12025550143'
const carol = 'carol@example.com'
const stands: Stand[] = []

afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.close()
})

async function open(options?: StandOptions): Promise<Stand> {
  const stand = await openStand(options)
  stands.push(stand)
  return stand
}

async function openUp(options?: StandOptions): Promise<Stand> {
  const stand = await open(options)
  await stand.up()
  return stand
}

/** Everything that was told, and nothing else is told for a while. */
async function all(stand: Stand): Promise<string[]> {
  await stand.pass(2 * pollEveryMs)
  return stand.host.taken.map(({ kind }) => kind)
}

describe('a message', () => {
  test('is told at once when the server calls', async () => {
    const stand = await openUp()
    const guid = stand.network.person(ada).says('Hello')
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    expect(stand.messages()[0]).toMatchObject({
      ...{ providerId: guid, chat: `iMessage;-;${ada}`, from: ada, to: [us], echoOf: null, group: null },
    })
    expect(await all(stand)).toEqual(['message'])
  })

  test('that was there before the line began is not told, and those that follow are', async () => {
    const stand = await open()
    stand.network.person(ada).says('before')
    await stand.up()
    stand.network.person(ada).says('after')
    await expect.poll(() => stand.texts()).toEqual(['after'])
    expect(await all(stand)).toEqual(['message'])
  })

  test('is told after the start when it came while the link was down', async () => {
    const stand = await openUp()
    await stand.down()
    for (const text of ['one', 'two', 'three']) stand.network.person(ada).says(text)
    await stand.up()
    await expect.poll(() => stand.texts()).toEqual(['one', 'two', 'three'])
    await stand.down()
    await stand.up()
    expect(await all(stand)).toEqual(['message', 'message', 'message'])
  })

  test('is found without any call, by asking', async () => {
    const stand = await openUp({ webhooks: false })
    for (const text of ['one', 'two', 'three']) {
      stand.network.person(ada).says(text)
      await stand.pass(pollEveryMs)
      await expect.poll(() => stand.texts().at(-1)).toBe(text)
    }
    expect(await all(stand)).toEqual(['message', 'message', 'message'])
  })

  test('is found although the server itself missed it', async () => {
    const stand = await openUp()
    stand.network.person(ada).says('Hello')
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    stand.network.faults.sleep(true)
    stand.network.person(ada).says('Are you there?')
    await stand.pass(pollEveryMs)
    await expect.poll(() => stand.texts()).toEqual(['Hello', 'Are you there?'])
    expect(stand.notes).toHaveLength(1)
    stand.network.faults.sleep(false)
    await expect.poll(() => stand.notes).toHaveLength(2)
    expect(await all(stand)).toEqual(['message', 'message'])
  })

  test('in a chat that macOS 26 calls otherwise is in the same conversation', async () => {
    const stand = await openUp({ mac: { macos: '26.0' } })
    stand.network.person(ada).says('Hello')
    await expect.poll(() => stand.messages().map(({ chat }) => chat)).toEqual([`iMessage;-;${ada}`])
    expect(stand.network.chats().map(({ guid }) => guid)).toEqual([`any;-;${ada}`])
  })

  test('of an answer names what it answers', async () => {
    const stand = await openUp()
    const first = stand.network.person(ada).says('Hello')
    stand.network.person(ada).says('again', { replyTo: first })
    await expect.poll(() => stand.messages().map(({ replyTo }) => replyTo)).toEqual([null, first])
  })

  test('that came by SMS over the owner’s telephone is not told, and only its number is logged', async () => {
    const stand = await openUp()
    stand.network.person(ada).says('by SMS, secretly', { service: 'SMS' })
    stand.network.person(bob).says('Hello')
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    expect(await all(stand)).toEqual(['message'])
    expect(stand.logged.map(({ facts }) => facts)).toEqual([{ otherServiceCount: 1, oldCount: 0, otherCount: 0 }])
  })
})

describe('nothing old is told as new', () => {
  test('when the server tells old messages as new ones after it has started again', async () => {
    const stand = await openUp()
    for (const text of ['one', 'two', 'three']) stand.network.person(ada).says(text)
    await expect.poll(() => stand.texts()).toEqual(['one', 'two', 'three'])
    stand.clock.advance(17 * 3_600_000)
    stand.network.faults.restart(3)
    await expect.poll(() => stand.notes.filter(({ what }) => what === 'began')).toHaveLength(1)
    await expect.poll(() => stand.notes.filter(({ what }) => what === 'rows')).toHaveLength(6)
    expect(await all(stand)).toEqual(['message', 'message', 'message'])
  })

  test('when the Mac gets its history from iCloud, with new numbers', async () => {
    const stand = await openUp()
    const agoMs = 90 * 24 * 3_600_000
    const old = Array.from({ length: 30 }, (_, nth) => ({ from: bob, text: `old ${nth}`, agoMs: agoMs - nth }))
    stand.network.faults.backfill(old)
    stand.network.person(ada).says('new')
    await expect.poll(() => stand.texts()).toEqual(['new'])
    expect(await all(stand)).toEqual(['message'])
    expect(stand.logged.map(({ facts }) => facts)).toEqual([{ otherServiceCount: 0, oldCount: 30, otherCount: 0 }])
  })

  test('when another Mac counts from its own beginning', async () => {
    const first = await openUp()
    for (let nth = 0; nth < 20; nth += 1) first.network.person(ada).says(`${nth}`)
    await expect.poll(() => first.texts()).toHaveLength(20)
    await first.down()
    const second = await open()
    second.network.person(ada).says('0')
    for (const [key, bytes] of first.host.entries) second.host.entries.set(key, bytes)
    await second.up()
    await expect.poll(() => second.logged.map(({ facts }) => facts)).toEqual([{ rowId: 1 }])
    second.network.person(ada).says('new')
    await expect.poll(() => second.texts()).toEqual(['new'])
    expect(await all(second)).toEqual(['message'])
  })
})

describe('files', () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 5_000 }, (_, index) => index % 253))
  const photo = { name: 'IMG_1.heic', bytes }

  test('come as they were sent', async () => {
    const stand = await openUp()
    stand.network.person(ada).sends(photo, { caption: 'Look' })
    await expect.poll(() => stand.texts()).toEqual(['Look'])
    const [file] = stand.messages()[0]?.attachments ?? []
    expect(file).toMatchObject({ mimeType: 'image/heic', filename: 'IMG_1.heic', bytes: 5_000, voiceNote: false })
    expect(await bytesOf(stand.messages()[0])).toEqual(bytes)
  })

  test('of a voice note are told as one', async () => {
    const stand = await openUp()
    stand.network.person(ada).sends({ name: 'Audio Message.caf', bytes }, { isAudioMessage: true })
    await expect
      .poll(() => stand.messages().map(({ text, attachments }) => [text, attachments[0]?.voiceNote]))
      .toEqual([[null, true]])
    expect(await bytesOf(stand.messages()[0])).toEqual(bytes)
  })

  test('that the server shows later are waited for, and nobody else waits', async () => {
    const stand = await openUp()
    stand.network.faults.lateFiles({ afterMs: 2_500 })
    stand.network.person(ada).sends(photo)
    stand.network.person(ada).says('what do you think?')
    stand.network.person(bob).says('Hello')
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    await stand.pass(3_000)
    await expect.poll(() => stand.texts()).toEqual(['Hello', null, 'what do you think?'])
    expect(await bytesOf(stand.messages()[1])).toEqual(bytes)
    expect(await all(stand)).toEqual(['message', 'message', 'message'])
  })

  test('that come later than their caption are told with it', async () => {
    const stand = await openUp()
    stand.network.faults.lateFiles({ afterMs: 2_500 })
    stand.network.person(ada).sends(photo, 'Look at this')
    await expect.poll(() => stand.notes.length).toBe(1)
    expect(stand.texts()).toEqual([])
    await stand.pass(3_000)
    await expect.poll(() => stand.texts()).toEqual(['Look at this'])
    expect(await bytesOf(stand.messages()[0])).toEqual(bytes)
    expect(await all(stand)).toEqual(['message'])
  })

  test('that never show are not waited for longer than eight seconds, however many there are', async () => {
    const stand = await openUp()
    stand.network.faults.lateFiles({ afterMs: 3_600_000 })
    const begunMs = stand.clock.now()
    for (let nth = 0; nth < 5; nth += 1) stand.network.person(ada).sends(photo)
    stand.network.person(ada).says('Did you get them?')
    await expect.poll(() => stand.later(200).texts().length).toBe(6)
    expect(stand.clock.now() - begunMs).toBeLessThan(20_000)
    expect(stand.texts()).toEqual([...Array(5).fill('[unsupported message]'), 'Did you get them?'])
  })

  test('that take their time hold up nobody who writes', async () => {
    const receive: StandOptions['receive'] = (event, take) =>
      event.kind === 'message' && event.attachments.length > 0 ? new Promise<void>(() => undefined) : take()
    const stand = await openUp({ receive })
    for (let nth = 10; nth < 30; nth += 1) stand.network.person(`+120255503${nth}`).sends(photo)
    stand.network.person(bob).says('Hello')
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
  })

  test('that are late hold up only their own chat, also over the end of a page', async () => {
    const stand = await openUp()
    stand.network.faults.lateFiles({ afterMs: 3_600_000 })
    stand.network.person(ada).sends(photo)
    await expect.poll(() => stand.notes.length).toBe(1)
    for (let nth = 0; nth < 5; nth += 1) {
      stand.network.person(bob).says(`${nth}`)
      await expect.poll(() => stand.texts()).toHaveLength(nth + 1)
    }
    expect(stand.texts()).toEqual(['0', '1', '2', '3', '4'])
  })
})

test('a message that is corrected while its file is waited for is corrected after it was told', async () => {
  const stand = await openUp()
  stand.network.faults.lateFiles({ afterMs: 3_600_000 })
  const person = stand.network.person(ada)
  const guid = person.sends({ name: 'IMG_1.jpeg', bytes: Buffer.from('a picture') })
  await expect.poll(() => stand.notes).toEqual([{ what: 'rows' }])
  person.edits(guid, 'Hello')
  await expect.poll(() => stand.notes).toContainEqual({ what: 'changed', guid })
  await stand.pass(60_000)
  expect(stand.host.taken.map((event) => [event.kind, 'text' in event && event.text])).toEqual([
    ['message', 'Hello'],
    ['edit', 'Hello'],
  ])
})

describe('groups', () => {
  test('are told with their name and everybody in them', async () => {
    const stand = await openUp()
    const group = stand.network.person(ada).startsGroup([bob, carol], { name: 'Friends', text: 'Hello all' })
    stand.network.person(carol).says('Hi', { to: group })
    await expect.poll(() => stand.texts()).toEqual(['Hello all', 'Hi'])
    const hi = stand.messages()[1]
    expect([hi?.from, hi?.chat, hi?.group?.chat, hi?.group?.name]).toEqual([carol, group, group, 'Friends'])
    expect(hi?.group?.members.map(({ handle }) => handle).sort()).toEqual([ada, bob, carol].sort())
  })

  test('change once, although the server tells it twice, and by whom', async () => {
    const stand = await openUp()
    const group = stand.network.person(ada).startsGroup([bob])
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    stand.network.person(ada).renames(group, 'Friends')
    stand.network.person(ada).addsTo(group, carol)
    stand.network.person(bob).setsIcon(group, Buffer.from('a picture'))
    stand.network.person(bob).setsIcon(group, null)
    stand.network.person(ada).removes(group, bob)
    stand.network.person(carol).leaves(group)
    await expect.poll(() => stand.of('chat')).toHaveLength(6)
    expect(stand.of('chat').map(({ chat, actor, change }) => [chat, actor, { ...change, photo: undefined }])).toEqual([
      [group, ada, { what: 'title', title: 'Friends' }],
      [group, ada, { what: 'joined', member: carol }],
      [group, bob, { what: 'photo' }],
      [group, bob, { what: 'photo' }],
      [group, ada, { what: 'left', member: bob }],
      [group, carol, { what: 'left', member: carol }],
    ])
    expect(
      stand
        .of('chat')
        .map(({ change }) => ('photo' in change ? change.photo : null))
        .slice(2, 4),
    ).toEqual([{ mark: null, url: null, open: expect.any(Function) }, 'removed'])
    expect(new Set(stand.of('chat').map(({ providerId }) => providerId)).size).toBe(6)
    expect(new Set(stand.forgotten)).toEqual(new Set([group]))
    expect((await all(stand)).filter((kind) => kind !== 'chat')).toEqual(['message'])
  })

  test('show a picture that can be fetched', async () => {
    const stand = await openUp()
    const group = stand.network.person(ada).startsGroup([bob])
    stand.network.person(ada).setsIcon(group, Buffer.from('a picture'))
    await expect.poll(() => stand.of('chat')).toHaveLength(1)
    const change = stand.of('chat')[0]?.change
    if (change?.what !== 'photo' || change.photo === 'removed') throw new Error('There is no picture.')
    const picture = await change.photo.open?.()
    expect(String(Buffer.concat((await picture?.toArray()) ?? []))).toBe('a picture')
  })
})

describe('what people do with messages', () => {
  test('reactions are told once, those of ours never', async () => {
    const stand = await openUp()
    const guid = stand.network.person(ada).says('Hello')
    const row = await stand.sends(ada, 'Hi')
    stand.network.person(ada).reacts(row.guid, 'love')
    stand.network.person(ada).reacts(row.guid, 'love', true)
    stand.network.person(ada).reacts(row.guid, '🎉')
    const target = { chat: row.chat?.chat ?? raise('There is no chat.'), guid }
    await stand.backend.react(target, 'like', false, new AbortController().signal)
    await expect.poll(() => stand.of('reaction')).toHaveLength(3)
    const chat = `iMessage;-;${ada}`
    expect(stand.of('reaction')).toMatchObject([
      { target: row.guid, chat, from: ada, reaction: 'love' },
      { target: row.guid, chat, from: ada, reaction: null },
      { target: row.guid, chat, from: ada, reaction: '🎉' },
    ])
    await stand.pass(2 * pollEveryMs)
    expect(stand.of('reaction')).toHaveLength(3)
    expect(stand.texts()).toEqual(['Hello'])
  })

  test.each([[true], [false]])('corrections and what is taken back are told once, with calls: %s', async (webhooks) => {
    const stand = await openUp({ webhooks })
    const person = stand.network.person(ada)
    const [first, second] = [person.says('Helo'), person.says('Forget it')]
    await expect.poll(() => stand.later().texts()).toEqual(['Helo', 'Forget it'])
    await stand.pass(pollEveryMs)
    person.edits(first, 'Hello')
    person.unsends(second)
    await expect.poll(() => stand.later().host.taken.length).toBe(4)
    await stand.pass(1_000)
    person.edits(first, 'Hello!')
    const chat = `iMessage;-;${ada}`
    await expect
      .poll(() => stand.later().of('edit'))
      .toMatchObject([
        { target: first, chat, text: 'Hello' },
        { target: first, chat, text: 'Hello!' },
      ])
    expect(stand.of('unsend')).toMatchObject([{ target: second, chat }])
    expect(await all(stand)).toHaveLength(5)
  })

  test('corrections made while the link was down are told after the start', async () => {
    const stand = await openUp()
    const guid = stand.network.person(ada).says('Helo')
    await expect.poll(() => stand.texts()).toEqual(['Helo'])
    await stand.down()
    stand.clock.advance(60_000)
    stand.network.person(ada).edits(guid, 'Hello')
    stand.clock.advance(2 * 3_600_000)
    await stand.up()
    await expect.poll(() => stand.of('edit')).toMatchObject([{ target: guid, text: 'Hello' }])
  })

  test('what was said and taken back while the link was down is no message', async () => {
    const stand = await openUp()
    await stand.down()
    const guid = stand.network.person(ada).says('Forget it')
    stand.network.person(ada).unsends(guid)
    stand.network.person(ada).says('Hello')
    await stand.up()
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    expect(await all(stand)).toEqual(['unsend', 'message'])
  })

  test('calls are told with their ends', async () => {
    const stand = await openUp({ mac: { facetimeCalling: true } })
    const call = stand.network.person(ada).calls({ isVideo: false })
    await expect.poll(() => stand.of('facetime')).toHaveLength(1)
    call.hangsUp()
    await expect.poll(() => stand.of('facetime')).toHaveLength(2)
    const same = { callId: call.uuid, person: ada, isAudio: true, isVideo: false, isOutgoing: false }
    expect(stand.of('facetime')).toMatchObject([
      { ...same, status: 'incoming' },
      { ...same, status: 'disconnected' },
    ])
  })

  test('calls are told again until they are taken', async () => {
    let refusals = 2
    const receive: StandOptions['receive'] = async (_, take) => {
      refusals -= 1
      if (refusals >= 0) throw new Error('The store is away.')
      await take()
    }
    const stand = await openUp({ mac: { facetimeCalling: true }, receive })
    stand.network.person(ada).calls()
    await expect.poll(() => stand.later().of('facetime').length).toBe(1)
    await stand.pass(10_000)
    expect(stand.of('facetime')).toHaveLength(1)
  })

  test('addresses that are taken from the account are passed on', async () => {
    const stand = await openUp()
    stand.network.faults.removeAliases([us])
    await expect.poll(() => stand.aliasChanges()).toBe(1)
    expect(await all(stand)).toEqual([])
  })
})

async function bytesOf(message: IncomingMessage | undefined): Promise<Buffer> {
  const readable = await message?.attachments[0]?.open()
  return Buffer.concat((await readable?.toArray()) ?? [])
}

function raise(message: string): never {
  throw new Error(message)
}
