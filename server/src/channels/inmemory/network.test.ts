/** The phone company in memory: its people, its groups, its pairing, and what it keeps when nobody listens. */
import { describe, expect, test } from 'vitest'
import { blankFile } from '../../../test/support/blank-file.ts'
import { accepted, createWorld } from '../../../test/support/inmemory-line.ts'
import { type Channel, channels } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { ClientRef, Handle, ProviderMessageId } from '../../model/ids.ts'
import { newOutgoing, spyHost } from '../conformance-stage.ts'
import type { Accepted } from '../connector.ts'
import { magicNumbers, magicOf } from './magic.ts'

const someone = '+12025550177' as Handle
const other = '+13105550178' as Handle
const magic = (ending: string) => `+120255501${ending}` as Handle
const kindOf = (answer: Accepted | SendFailure) => (answer instanceof SendFailure ? answer.kind : 'accepted')
const image = blankFile({ kind: 'image', mimeType: 'image/png', bytes: 10 })

describe('magic numbers', () => {
  test('are told apart by their last two digits, in any area, and no other number is one', () => {
    for (const { ending, meaning } of magicNumbers) {
      expect(magicOf(`+141555501${ending}` as Handle)?.ending).toBe(ending)
      expect(meaning).toMatch(/^[A-Z].*\.$/)
    }
    for (const plain of [
      '+12025550199',
      '+12025551100',
      '+442025550100',
      '12025550100',
      '+120255501000',
      'a@example.org',
    ]) {
      expect(magicOf(plain as Handle)).toBeNull()
    }
    expect(new Set(magicNumbers.map(({ ending }) => ending)).size).toBe(magicNumbers.length)
  })

  test.each<[string, Record<Channel, string>]>([
    ['00', { imessage: 'accepted', whatsapp: 'accepted', sms: 'accepted' }],
    ['04', { imessage: 'unreachable', whatsapp: 'accepted', sms: 'accepted' }],
    ['06', { imessage: 'unreachable', whatsapp: 'unreachable', sms: 'unreachable' }],
    ['07', { imessage: 'accepted', whatsapp: 'unreachable', sms: 'accepted' }],
    ['99', { imessage: 'accepted', whatsapp: 'accepted', sms: 'accepted' }],
  ])('…01%s can be reached as it says, and reach agrees', async (ending, expected) => {
    const world = createWorld()
    for (const channel of channels) {
      const line = await world.line(channel)
      expect(kindOf(await line.send(magic(ending)))).toBe(expected[channel])
      expect(await line.connection.reach(magic(ending))).toBe(expected[channel] === 'accepted' ? 'yes' : 'no')
    }
  })

  test('…0100 is delivered at once and read 3 seconds later, and never read on SMS', async () => {
    const world = createWorld()
    const startMs = world.clock.now()
    const told = async (channel: Channel) => {
      const line = await world.line(channel)
      await line.send(magic('00'))
      await world.settle()
      return line.heard('receipt').map(({ status, at }) => [status, at.getTime() - startMs])
    }
    expect(await told('imessage')).toEqual([
      ['delivered', 150],
      ['read', 3_150],
    ])
    expect((await told('sms')).map(([status]) => status)).toEqual(['delivered'])
  })

  test('…0105 fails each message twice, then takes it', async () => {
    const world = createWorld()
    const line = await world.line('sms')
    for (const ref of ['first', 'second'] as ClientRef[]) {
      const answers = [
        await line.send(magic('05'), { ref }),
        await line.send(magic('05'), { ref }),
        await line.send(magic('05'), { ref }),
      ]
      expect(answers.map(kindOf)).toEqual(['retryable', 'retryable', 'accepted'])
      expect(answers[0]).toMatchObject({ scope: 'message', code: 'SMS_SEND_FAILED' })
    }
    expect(world.network.received().map(({ ref }) => ref)).toEqual(['first', 'second'])
  })

  test('…0108 leaves the send hanging, without a timer, until it is given up', async () => {
    const world = createWorld()
    const line = await world.line('whatsapp')
    const giveUp = new AbortController()
    const sending = line.connection.send(newOutgoing('whatsapp', { handle: magic('08') }), giveUp.signal)
    const outcome = expect(sending).rejects.toMatchObject({ kind: 'uncertain', code: 'PROVIDER_TIMEOUT' })
    await world.settle()
    expect([world.clock.sleepers, world.network.counts().unanswered]).toEqual([0, 1])
    giveUp.abort()
    await outcome
    expect(world.network.counts().unanswered).toBe(0)
    expect(world.network.received()).toEqual([])
  })

  test('…0110 writes back 300 ms after it got the message', async () => {
    const world = createWorld()
    const line = await world.line('imessage')
    const startMs = world.clock.now()
    const { chat } = accepted(await line.send(magic('10'), { text: 'hello' }))
    await world.settle()
    const [answer, ...more] = line.heard('message').filter(({ echoOf }) => echoOf === null)
    expect(answer).toMatchObject({ text: 'You said: hello', from: magic('10'), chat, group: null })
    expect([answer?.at.getTime(), more]).toEqual([startMs + 450, []])
  })

  test.each([
    ['imessage', 'MEDIA_TOO_LARGE'],
    ['whatsapp', 'WHATSAPP_MEDIA_TOO_LARGE'],
    ['sms', 'MMS_MEDIA_TOO_LARGE'],
  ] as const)('…0113 on %s refuses media with %s, and takes text', async (channel, code) => {
    const line = await createWorld().line(channel)
    expect(await line.send(magic('13'), { attachments: [image] })).toMatchObject({ kind: 'refused', code })
    expect(kindOf(await line.send(magic('13')))).toBe('accepted')
  })

  test('…0129 asks for 30 seconds and means it', async () => {
    const world = createWorld()
    const line = await world.line('whatsapp')
    const ref = 'patient' as ClientRef
    expect(await line.send(magic('29'), { ref })).toMatchObject({
      kind: 'retryable',
      scope: 'message',
      code: 'WHATSAPP_RATE_LIMITED',
      retryAfterMs: 30_000,
    })
    await world.clock.advance(20_000)
    expect(kindOf(await line.send(magic('29'), { ref }))).toBe('retryable')
    await world.clock.advance(10_000)
    expect(kindOf(await line.send(magic('29'), { ref }))).toBe('accepted')
  })

  test('…0130 blames the link once', async () => {
    const line = await createWorld().line('sms')
    const ref = 'link' as ClientRef
    expect(await line.send(magic('30'), { ref })).toMatchObject({ kind: 'retryable', scope: 'link' })
    expect(kindOf(await line.send(magic('30'), { ref }))).toBe('accepted')
  })
})

describe('people', () => {
  test('can be told how to behave', async () => {
    const world = createWorld({ everybody: { deliveredAfterMs: 10 } })
    world.network.setPerson(someone, { readAfterMs: 20, channels: ['imessage'] })
    expect(world.network.person(someone).behaviour).toMatchObject({ deliveredAfterMs: 10, readAfterMs: 20 })
    world.network.setPerson(other, { bouncesWith: 'WHATSAPP_REJECTED' })
    const line = await world.line('whatsapp')
    expect(kindOf(await line.send(someone))).toBe('unreachable')
    const { providerId } = accepted(await line.send(other))
    await world.settle()
    expect(line.heard('receipt')).toMatchObject([{ providerId, status: 'failed', detail: 'WHATSAPP_REJECTED' }])
  })

  test('with an e-mail address are on iMessage only', async () => {
    const world = createWorld()
    const kinds = await Promise.all(
      channels.map(async (channel) => (await world.line(channel)).connection.reach('a@example.org' as Handle)),
    )
    expect(Object.fromEntries(channels.map((channel, index) => [channel, kinds[index]]))).toEqual({
      imessage: 'yes',
      whatsapp: 'no',
      sms: 'no',
    })
  })

  test('read, react, edit, unsend and type where the channel tells of it', async () => {
    const world = createWorld()
    const line = await world.line('whatsapp')
    const { providerId, chat } = accepted(await line.send(someone))
    const person = world.network.as(someone)
    const theirs = person.says(line.address, 'whatsapp', 'hi')
    person.reads(line.address, 'whatsapp')
    person.reacts(line.address, 'whatsapp', providerId, '👍')
    person.edits(line.address, 'whatsapp', theirs, 'hi!')
    person.unsends(line.address, 'whatsapp', theirs)
    person.types(line.address, 'whatsapp', true)
    await world.settle()
    expect(line.heard('receipt').filter(({ status }) => status === 'read')).toMatchObject([{ providerId }])
    expect(line.heard('reaction')).toMatchObject([{ target: providerId, chat, from: someone, reaction: '👍' }])
    expect([line.heard('edit'), line.heard('unsend')]).toMatchObject([
      [{ target: theirs, text: 'hi!' }],
      [{ target: theirs }],
    ])
    expect(line.heard('typing')).toMatchObject([{ chat, from: someone, typing: true }])
  })

  test('keep voice notes and call on iMessage', async () => {
    const world = createWorld()
    const line = await world.line('imessage')
    const { providerId } = accepted(await line.send(someone))
    const person = world.network.as(someone)
    person.keepsAudio(line.address, 'imessage', providerId)
    person.calls(line.address, 'imessage', { callId: 'call', status: 'incoming', isVideo: false })
    await world.settle()
    expect(line.heard('audioKept')).toMatchObject([{ target: providerId, from: someone }])
    expect(line.heard('facetime')).toMatchObject([
      { callId: 'call', person: someone, status: 'incoming', isAudio: true, isVideo: false, isOutgoing: false },
    ])
  })

  test('cannot do what their channel has not', async () => {
    const world = createWorld()
    const { address, send } = await world.line('sms')
    const { providerId } = accepted(await send(someone))
    const person = world.network.as(someone)
    expect(() => person.reacts(address, 'sms', providerId, '👍')).toThrow('sms has no reaction events')
    expect(() => person.types(address, 'imessage', true)).toThrow('imessage has no typing events')
    expect(() => person.reads(address, 'sms')).toThrow('sms has no read receipts')
    expect(() => person.createsGroup('sms', null, [address])).toThrow('sms has no groups')
    expect(() => person.keepsAudio(address, 'whatsapp', providerId)).toThrow('whatsapp has no audioKept events')
    expect(() => person.calls(address, 'sms', { callId: 'call', status: 'missed' })).toThrow('sms has no facetime')
    expect(() => world.network.as(other).reads(address, 'whatsapp')).toThrow('has sent nothing')
  })

  test('who are lines of ours get what other lines send', async () => {
    const world = createWorld()
    const [sender, receiver] = [await world.line('sms'), await world.line('sms')]
    const { providerId } = accepted(await sender.send(receiver.address, { text: 'from line to line' }))
    await world.settle()
    expect(receiver.heard('message')).toMatchObject([
      { providerId, from: sender.address, text: 'from line to line', echoOf: null },
    ])
  })
})

describe('groups', () => {
  test('made by us are seen alike by everybody in them', async () => {
    const world = createWorld()
    const [line, second] = [await world.line('whatsapp'), await world.line('whatsapp')]
    const { createGroup, renameGroup, addMember, leaveGroup, chatInfo } = line.connection.actions
    if (!createGroup || !renameGroup || !addMember || !leaveGroup || !chatInfo) throw new Error('verbs are missing')
    const { chat } = await world.clock.during(createGroup('Plans', [someone, second.address]))
    expect(chat).toMatch(/^\d{5,30}@g\.us$/)
    await world.clock.during(renameGroup(chat, 'Better plans'))
    await world.clock.during(addMember(chat, other))
    world.network.as(someone).in(chat).says('hello all')
    world.network.as(someone).in(chat).changesPhoto('removed')
    await world.settle()
    expect(second.heard('chat').map(({ change }) => change)).toEqual([
      { what: 'joined', member: second.address },
      { what: 'title', title: 'Better plans' },
      { what: 'joined', member: other },
      { what: 'photo', photo: 'removed' },
    ])
    expect(new Set(second.heard('chat').map(({ providerId }) => providerId)).size).toBe(4)
    for (const [member, missing] of [
      [line, line.address],
      [second, second.address],
    ] as const) {
      const [heard] = member.heard('message')
      expect(heard).toMatchObject({ chat, from: someone, group: { name: 'Better plans' } })
      expect(heard?.group?.members.map(({ handle }) => handle)).toEqual(
        [someone, second.address, line.address, other].filter((one) => one !== missing),
      )
    }
    await world.clock.during(leaveGroup(chat))
    await expect(world.clock.during(chatInfo(chat))).rejects.toMatchObject({
      kind: 'refused',
      code: 'CONVERSATION_NOT_FOUND',
    })
    expect(kindOf(await line.send({ chat }))).toBe('refused')
  })

  test('made by others tell us that we joined, and everybody says for themselves when they got and read a message', async () => {
    const world = createWorld()
    const line = await world.line('imessage')
    world.network.setPerson(other, { deliveredAfterMs: 900, readAfterMs: 50 })
    world.network.setPerson(someone, { readAfterMs: 10 })
    const startMs = world.clock.now()
    const chat = world.network.as(someone).createsGroup('imessage', null, [line.address, other])
    const { providerId } = accepted(await line.send({ chat }))
    await world.settle()
    expect(line.heard('chat')).toMatchObject([
      { chat, actor: someone, change: { what: 'joined', member: line.address } },
    ])
    const receipts = line.heard('receipt').map(({ status, at, from }) => [status, at.getTime() - startMs, from])
    expect(receipts).toEqual([
      ['delivered', 150, someone],
      ['read', 160, someone],
      ['delivered', 900, other],
      ['read', 950, other],
    ])
    expect(world.network.received()).toMatchObject([{ providerId, to: chat }])
    world.network.as(someone).in(chat).removes(line.address)
    await world.settle()
    expect(line.heard('chat').at(-1)).toMatchObject({ change: { what: 'left', member: line.address } })
    expect(() =>
      world.network
        .as('+15555550000' as Handle)
        .in(chat)
        .says('let me in'),
    ).toThrow('not in it')
  })
})

describe('pairing', () => {
  test('of a line without a number gives it the number of the phone, for good', async () => {
    const world = createWorld()
    const host = spyHost()
    const line = await world.line('whatsapp', null, host)
    const id = 'line-1'
    expect(host.states.at(-1)).toMatchObject({ status: 'pairing', expiresAt: '2026-01-01T00:05:00.000Z' })
    await world.clock.during(world.network.scan(id, someone))
    expect(host.states.at(-1)).toMatchObject({ status: 'connected', identity: '12025550177:1@s.whatsapp.net' })
    await line.send(other)
    world.network.as(other).says(someone, 'whatsapp', 'hi')
    await world.settle()
    await world.clock.during(line.connection.stop())
    await world.clock.during(line.connection.start())
    await world.settle()
    expect(host.states.at(-1)?.status).toBe('connected')
    expect(world.network.received()).toMatchObject([{ line: someone }])
    expect(line.heard('message').filter(({ echoOf }) => echoOf === null)).toMatchObject([{ text: 'hi' }])
  })

  test('refuses another phone than the line’s', async () => {
    const world = createWorld()
    const host = spyHost()
    await world.network.unpair(someone)
    await world.line('whatsapp', someone, host)
    await world.clock.during(world.network.scan(someone, other))
    expect(host.states.at(-1)).toMatchObject({ status: 'disconnected', reason: 'phone_number_mismatch' })
    expect(host.entries.size).toBe(0)
    await expect(world.network.scan(someone)).rejects.toThrow('shows no QR code')
  })

  test('by code takes that code only', async () => {
    const world = createWorld()
    const host = spyHost()
    await world.network.unpair(someone)
    const { connection } = await world.line('whatsapp', someone, host)
    const code = await connection.actions.requestPairingCode?.(someone)
    expect(code).toMatch(/^[A-Z2-9]{8}$/)
    await expect(world.network.enterCode(someone, 'WRONGONE')).rejects.toThrow('did not ask')
    await world.clock.during(world.network.enterCode(someone, code ?? ''))
    expect(host.states.at(-1)?.status).toBe('connected')
    await expect(connection.actions.requestPairingCode?.(someone)).rejects.toMatchObject({
      kind: 'refused',
      code: 'CONFLICT',
    })
  })

  test('that the phone revokes erases the credentials and ends the link', async () => {
    const world = createWorld()
    const host = spyHost()
    await world.line('whatsapp', someone, host)
    expect(host.entries.size).toBe(1)
    await world.network.unpair(someone)
    expect(host.states.at(-1)).toMatchObject({ status: 'disconnected', reason: 'auth_revoked' })
    expect(host.entries.size).toBe(0)
  })

  test('is not done with credentials that the vault did not take', async () => {
    const world = createWorld()
    const host = spyHost()
    const { put } = host.vault
    let failures = 2
    const vault = {
      ...host.vault,
      put: async (entries: Parameters<typeof put>[0]) => {
        if (failures-- > 0) throw new Error('The lease is lost.')
        await put(entries)
      },
    }
    const states = host.states
    await world.line('whatsapp', someone, { ...host, vault })
    await world.settle()
    expect(states.map((state) => (state.status === 'disconnected' ? state.reason : state.status))).toEqual([
      'connecting',
      'close_vault',
      'connecting',
      'close_vault',
      'connecting',
      'connected',
    ])
  })
})

describe('two links of one line', () => {
  test('on WhatsApp: the newer ends the older', async () => {
    const world = createWorld()
    const older = await world.line('whatsapp', someone)
    const newer = await world.line('whatsapp', someone, spyHost(older.host.entries))
    expect(older.host.states.at(-1)).toMatchObject({ status: 'disconnected', reason: 'close_440', retryAt: null })
    expect(kindOf(await older.send(other))).toBe('retryable')
    expect(kindOf(await newer.send(other))).toBe('accepted')
  })

  test('elsewhere: both send, the newest hears, and the older takes over when it stops', async () => {
    const world = createWorld()
    const [older, newer] = [await world.line('sms', someone), await world.line('sms', someone)]
    expect([kindOf(await older.send(other)), kindOf(await newer.send(other))]).toEqual(['accepted', 'accepted'])
    world.network.as(other).says(someone, 'sms', 'one')
    await world.settle()
    await newer.connection.stop()
    world.network.as(other).says(someone, 'sms', 'two')
    await world.settle()
    expect([newer.heard('message'), older.heard('message')]).toMatchObject([[{ text: 'one' }], [{ text: 'two' }]])
  })
})

describe('asking what became of a send', () => {
  const signal = new AbortController().signal

  test('is open while it is under way, and whatever was said of it is kept', async () => {
    const world = createWorld()
    const { connection } = await world.line('imessage')
    const ask = (ref: ClientRef) => world.clock.during(connection.outcomeOf?.(ref) ?? Promise.reject(new Error('no')))
    world.network.failNext({ kind: 'late', ms: 5_000 })
    const message = newOutgoing('imessage', { handle: someone })
    const sending = connection.send(message, signal)
    expect(await ask(message.ref)).toEqual({ what: 'open' })
    const taken = await world.clock.during(sending)
    expect(await ask(message.ref)).toEqual({ what: 'sent', accepted: taken })
    const stray = newOutgoing('imessage', { handle: magic('04') })
    await world.clock.during(connection.send(stray, signal).catch(() => undefined))
    expect(await ask(stray.ref)).toMatchObject({ what: 'failed', failure: { kind: 'unreachable' } })
    const silent = newOutgoing('imessage', { handle: magic('08') })
    void connection.send(silent, signal).catch(() => undefined)
    expect(await ask(silent.ref)).toEqual({ what: 'open' })
  })

  test('whoever is told that it is over can rely on it: an earlier link sends nothing under that ref any more', async () => {
    const world = createWorld()
    const [before, now] = [await world.line('imessage', other), await world.line('imessage', other)]
    const message = newOutgoing('imessage', { handle: someone })
    expect(
      await world.clock.during(now.connection.outcomeOf?.(message.ref) ?? Promise.reject(new Error('no'))),
    ).toMatchObject({ what: 'failed', failure: { kind: 'retryable' } })
    const late = before.connection.send(message, signal)
    await expect(world.clock.during(late)).rejects.toMatchObject({ kind: 'retryable', scope: 'link' })
    expect(world.network.received()).toEqual([])
    accepted(await world.clock.during(now.connection.send(message, signal)))
    const later = await world.line('imessage', other)
    accepted(await world.clock.during(later.connection.send({ ...message, text: 'again' }, signal)))
    expect(world.network.received()).toHaveLength(2)
  })

  test('is possible where the network is made so, and nowhere else', async () => {
    for (const channel of channels) {
      const can = async (knowsOutcomes?: Channel[]) =>
        (await createWorld(knowsOutcomes && { knowsOutcomes }).line(channel)).connection.outcomeOf !== undefined
      expect([await can(), await can([]), await can([channel])]).toEqual([channel === 'imessage', false, true])
    }
  })
})

describe('the network', () => {
  test('refuses what was not fitted to its channel', async () => {
    const line = await createWorld().line('sms')
    const replyTo = { chat: '' as Accepted['chat'], providerId: 'x' as ProviderMessageId, fromMe: true, text: null }
    const location = { title: null, latitude: 0, longitude: 0 }
    for (const what of [{ effect: 'slam' }, { replyTo }, { location }, { text: 'x'.repeat(1_601) }, { text: null }]) {
      expect(await line.send(someone, what)).toMatchObject({ kind: 'refused', code: 'CONTENT_NOT_SUPPORTED' })
    }
  })

  test('can be given other capabilities', async () => {
    const world = createWorld({ capabilities: { sms: { dedupesByRef: true } } })
    const line = await world.line('sms')
    const ref = 'once' as ClientRef
    const [first, second] = [accepted(await line.send(someone, { ref })), accepted(await line.send(someone, { ref }))]
    expect(second).toEqual(first)
    expect(line.connection.capabilities).toMatchObject({ dedupesByRef: true, groups: false })
    expect(world.network.received()).toHaveLength(1)
  })

  test('dedupes per line and channel, and not at all where it does not say so', async () => {
    const world = createWorld()
    const lines = [await world.line('whatsapp'), await world.line('whatsapp'), await world.line('sms')]
    for (const line of lines) for (const ref of ['same', 'same'] as ClientRef[]) await line.send(someone, { ref })
    expect(world.network.received().map(({ line, channel }) => [line, channel])).toEqual([
      [lines[0]?.address, 'whatsapp'],
      [lines[1]?.address, 'whatsapp'],
      [lines[2]?.address, 'sms'],
      [lines[2]?.address, 'sms'],
    ])
    expect(world.network.received().map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3])
  })

  test('answers at once, without a timer, when it is told to', async () => {
    const world = createWorld({ answerMs: [0, 0], everybody: { deliveredAfterMs: null } })
    const { connection } = await world.line('sms')
    const answer = await connection.send(newOutgoing('sms', { handle: someone }), new AbortController().signal)
    expect([typeof answer.providerId, world.clock.sleepers]).toEqual(['string', 0])
  })

  test('says so when a line’s box is full, and keeps the rest', async () => {
    const world = createWorld({ laneMax: 3 })
    const person = world.network.as(someone)
    for (const text of ['one', 'two', 'three']) person.says(other, 'sms', text)
    expect(() => person.says(other, 'sms', 'four')).toThrow('box is full')
    expect(world.network.counts()).toMatchObject({ undelivered: 3, overflows: 1, scheduled: 0 })
    const line = await world.line('sms', other)
    await world.settle()
    expect(line.heard('message').map(({ text }) => text)).toEqual(['one', 'two', 'three'])
    expect(world.network.counts().undelivered).toBe(0)
  })

  test('remembers only so much', async () => {
    const world = createWorld({ keep: 10, capabilities: { sms: { dedupesByRef: true } } })
    const line = await world.line('sms')
    for (let index = 0; index < 35; index += 1) await line.send(someone, { text: `${index}` })
    const received = world.network.received()
    expect(received.length).toBeLessThanOrEqual(20)
    expect(received.at(-1)).toMatchObject({ text: '34', ordinal: 34 })
    const { messages, accepted: refs } = world.network.exchange
    expect([messages.size, refs.size]).toEqual([10, 10])
  })

  test('mints ids that an earlier run has not used', async () => {
    const idOf = async (startedMs: number) => {
      const world = createWorld()
      await world.clock.advance(startedMs)
      const later = createWorld({ clock: world.clock })
      return accepted(await world.clock.during((await later.line('sms')).send(someone))).providerId
    }
    expect(await idOf(0)).not.toBe(await idOf(1))
  })

  test('leaves nothing behind when it stops, and fails what hangs', async () => {
    const world = createWorld()
    const line = await world.line('whatsapp')
    await line.send(magic('00'))
    const hanging = line.connection.send(newOutgoing('whatsapp', { handle: magic('08') }), new AbortController().signal)
    const outcome = expect(hanging).rejects.toMatchObject({ kind: 'uncertain' })
    await world.network.stop()
    await outcome
    await world.clock.advance(0)
    expect(world.network.counts()).toMatchObject({ scheduled: 0, unanswered: 0 })
    expect(world.clock.sleepers).toBe(0)
    expect(line.host.states.at(-1)).toMatchObject({ status: 'disconnected', reason: 'stopped' })
  })
})
