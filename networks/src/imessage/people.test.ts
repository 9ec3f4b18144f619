/** People behind the Mac: what they get, how they behave, and what they cannot do. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, openClient } from './testing/client.ts'
import { fastClock } from './testing/fast-clock.ts'
import { CannotBeDone } from './world.ts'

const [ada, eve, bob] = ['+14155550199', 'eve@example.com', '+14155550197']
const clock = fastClock()
let mac: Client
beforeEach(async () => {
  mac = await openClient({ clock })
})
afterEach(() => mac.stop())

const send = (chatGuid: string, message: string, more: object = {}) =>
  mac.ask('POST message/text', { chatGuid, message, method: 'private-api', ...more })
const row = async (guid: unknown) => (await mac.ask(`GET message/${guid}`)).data

test('a reply says what it answers, to the line and to people', async () => {
  const chat = await mac.chatWith(ada)
  const question = mac.network.person(ada).says('When?')
  const { guid } = (await send(chat, 'At six', { selectedMessageGuid: question, partIndex: 0 })).data
  expect(mac.network.person(ada).received).toMatchObject([{ guid, replyTo: { guid: question, part: 0 } }])
  expect(await row(guid)).toMatchObject({ threadOriginatorGuid: question, threadOriginatorPart: '0:0:6' })
  const answer = mac.network.person(ada).says('Good', { replyTo: String(guid) })
  expect(await row(answer)).toMatchObject({ threadOriginatorGuid: guid, threadOriginatorPart: '0:0:6' })
})

test('what is sent to a group comes to each who is on iMessage, and to nobody else', async () => {
  const chat = mac.network.person(ada).startsGroup([eve, bob], { name: 'Picnic', text: 'When?' })
  mac.people.set(bob, { onImessage: false })
  const { guid } = (await send(chat, 'At six')).data
  await mac.quiet()
  expect([ada, eve, bob].map((one) => mac.network.person(one).received.map((message) => message.guid))).toEqual([
    ...[[guid], [guid], []],
  ])
  expect(mac.people.arrived().map(({ to, text }) => [to, text])).toEqual([
    [ada, 'At six'],
    [eve, 'At six'],
  ])
  expect(await row(guid)).toMatchObject({ error: 0, isDelivered: true, dateDelivered: null, handle: null })
})

test('mentions are ranges of the text, and are told to those who ask for them', async () => {
  const guid = mac.network.person(ada).says('Hi you!', { mentions: [{ address: '+15550100300', start: 3, length: 3 }] })
  const { data } = await mac.ask(`GET message/${guid}`, undefined, { with: 'attributed-body' })
  expect(data.attributedBody).toEqual([
    {
      string: 'Hi you!',
      runs: [
        { range: [0, 3], attributes: { __kIMMessagePartAttributeName: 0 } },
        {
          range: [3, 3],
          attributes: { __kIMMessagePartAttributeName: 0, __kIMMentionConfirmedMention: '+15550100300' },
        },
        { range: [6, 1], attributes: { __kIMMessagePartAttributeName: 0 } },
      ],
    },
  ])
})

test('several files come as one message', async () => {
  const files = ['a.png', 'b.mov'].map((name) => ({ name, bytes: Buffer.from(name) }))
  mac.network.person(ada).sends(files, 'Both')
  await mac.quiet()
  expect(mac.heard.map(({ data }) => data)).toMatchObject([
    { text: 'Both', partCount: 3, attachments: [{ transferName: 'a.png' }, { transferName: 'b.mov' }] },
  ])
})

test('some never confirm, and some fail after all, of which nobody is told', async () => {
  const chat = await mac.chatWith(ada)
  mac.people.set(ada, { receiptAfterMs: null })
  const quiet = (await send(chat, 'One')).data
  await mac.quiet()
  expect(await row(quiet.guid)).toMatchObject({ error: 0, isDelivered: false })
  mac.people.set(ada, { receiptAfterMs: 5, receipt: 'failed' })
  const failing = await send(chat, 'Two')
  expect([failing.status, failing.data.error]).toEqual([200, 0])
  await mac.quiet()
  expect(await row(failing.data.guid)).toMatchObject({ error: 4, isDelivered: false })
  expect(mac.heard.map(({ type }) => type)).toEqual(['new-message', 'new-message'])
  expect(mac.network.person(ada).received.map((message) => message.text)).toEqual(['One'])
})

test('of several tries of one text the first ones fail', async () => {
  const chat = await mac.chatWith(ada)
  mac.people.set(ada, { failsFirst: 1, throttledFirst: 1 })
  const tries = [await send(chat, 'Hi'), await send(chat, 'Hi'), await send(chat, 'Hi')]
  expect(tries.map(({ status }) => status)).toEqual([500, 500, 200])
  const sent = mac.network.messages().filter(({ isFromMe }) => isFromMe)
  expect(sent.map(({ error }) => error)).toEqual([3, 10, 0])
})

test('whoever is taken out of a group, or takes the line out, writes and hears nothing there', async () => {
  const [first, second] = [mac.network.person(ada), mac.network.person(eve)]
  const chat = first.startsGroup([eve, bob])
  first.removes(chat, eve)
  expect(() => second.says('Hi', { to: chat })).toThrow(CannotBeDone)
  first.removesLine(chat)
  const before = mac.network.messages().length
  first.says('Gone', { to: chat })
  expect(mac.network.messages().length).toBe(before)
  expect((await send(chat, 'Hi')).error?.message).toBe('Chat does not exist in IMChatRegistry!')
})

test.each<[string, () => unknown]>([
  ['correct what others wrote', () => mac.network.person(eve).edits(mac.network.person(ada).says('Hi'), 'x')],
  ['react to nothing', () => mac.network.person(ada).reacts('nothing', 'love')],
  ['write without iMessage', () => mac.network.person('+14155550104').says('Hi')],
  ['begin a group with nobody', () => mac.network.person(ada).startsGroup([])],
  ['begin a group with who is not there', () => mac.network.person(ada).startsGroup(['+14155550106'])],
  ['change a group that they are not in', () => mac.network.person(ada).renames('iMessage;+;chat1', 'x')],
  ['write into a chat of others', () => mac.network.person(ada).says('Hi', { to: `iMessage;-;${eve}` })],
])('people cannot %s', (_, work) => {
  expect(work).toThrow(CannotBeDone)
})

test('a thousand messages go through when nothing holds them up', async () => {
  const chat = await mac.chatWith(ada)
  mac.network.faults.loseWebhooks('all')
  for (let batch = 0; batch < 20; batch += 1)
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => send(chat, `${batch}-${at}`, { tempGuid: `${batch}-${at}` })),
    )
  await mac.quiet()
  expect(new Set(mac.network.person(ada).received.map((message) => message.text)).size).toBe(1_000)
  expect(mac.network.messages().filter(({ isFromMe, isDelivered }) => isFromMe && isDelivered).length).toBe(1_000)
})
