/** Chats are begun, found, changed and left through the server, with its waits, its words and its gaps. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Json } from './store/shapes.ts'
import { type Client, openClient, type Reply } from './testing/client.ts'
import { fastClock } from './testing/fast-clock.ts'

const [ada, eve, bob] = ['+14155550199', 'eve@example.com', '+14155550197']
const clock = fastClock(200)
let mac: Client
beforeEach(async () => {
  mac = await openClient({ clock })
})
afterEach(() => mac.stop())

const begin = (body: object) => mac.ask('POST chat/new', { method: 'private-api', message: 'Hi', ...body })
const path = (guid: string, rest = '') => `chat/${encodeURIComponent(guid)}${rest}`
const find = (guid: string, wanted = 'participants') => mac.ask(`GET ${path(guid)}`, undefined, { with: wanted })
const members = (data: Json) => (data.participants as Json[]).map(({ address }) => address)
async function group(...others: string[]): Promise<string> {
  const { data } = await begin({ addresses: [ada, ...others] })
  await mac.quiet()
  mac.heard.length = 0
  return String(data.guid)
}

test('a chat of two is begun with its first message, and found again', async () => {
  const begun = await begin({ addresses: ['(415) 555-0199'], tempGuid: 'temp' })
  const guid = `iMessage;-;${ada}`
  expect(begun).toMatchObject({
    ...{ status: 200, message: 'Successfully created chat!' },
    data: {
      guid,
      style: 45,
      chatIdentifier: ada,
      displayName: '',
      participants: [{ address: ada, service: 'iMessage' }],
    },
  })
  const [message] = begun.data.messages as Json[]
  expect(message).toMatchObject({ text: 'Hi', tempGuid: 'temp', isFromMe: true })
  expect('chats' in message!).toBe(false)
  await mac.quiet()
  expect(mac.heard.map(({ type, data }) => [type, 'tempGuid' in data])).toEqual([
    ['new-message', false],
    ['updated-message', false],
  ])
  expect((await begin({ addresses: [ada], message: 'Again' })).data.guid).toBe(guid)
  const bare = await mac.ask(`GET ${path(guid)}`)
  expect(Object.keys(bare.data).sort()).toEqual([
    ...['chatIdentifier', 'displayName', 'groupId', 'guid', 'isArchived', 'isFiltered', 'lastAddressedHandle'],
    ...['originalROWID', 'participants', 'properties', 'style'],
  ])
  expect(bare.data.participants).toEqual([])
  expect((await find(guid, 'participants,lastmessage')).data).toMatchObject({
    ...{ participants: [{ address: ada }], lastMessage: { text: 'Again' }, lastAddressedHandle: '+15550100300' },
  })
  expect(await find('iMessage;-;nobody')).toMatchObject({ status: 404, error: { message: 'Chat does not exist!' } })
})

test('the same people have the same group, in whatever order', async () => {
  const guid = await group(eve)
  expect(guid).toMatch(/^iMessage;\+;chat\d{18}$/)
  const again = await begin({ addresses: [eve, ada] })
  expect([again.data.guid, again.data.style, members(again.data)]).toEqual([guid, 43, [ada, eve]])
  expect((await begin({ addresses: [eve, ada, bob] })).data.guid).not.toBe(guid)
  await mac.quiet()
  expect(mac.network.person(eve).received.map(({ chat, text }) => [chat === guid, text])).toEqual([
    [true, 'Hi'],
    [true, 'Hi'],
    [false, 'Hi'],
  ])
})

test('on macOS 26 new chats are called any, and others stay what they are', async () => {
  const before = await mac.chatWith(ada)
  mac.network.mac.macos = '26.0'
  expect((await begin({ addresses: [eve] })).data).toMatchObject({ guid: `any;-;${eve}` })
  expect((await begin({ addresses: [ada] })).data.guid).toBe(before)
  mac.network.quirks.anyGuids = false
  expect((await begin({ addresses: [bob] })).data.guid).toBe(`iMessage;-;${bob}`)
})

test.each<[body: object, status: number, words: string]>([
  [{ addresses: [] }, 400, 'The addresses field is required.'],
  [{ addresses: ada }, 400, 'The addresses must be an array.'],
  [{ addresses: [ada], service: 'RCS' }, 400, 'The selected service is invalid.'],
  [{ addresses: [ada, eve], message: '' }, 500, 'A message is required when creating chats with the Private API!'],
  [
    { addresses: [ada], message: '', method: 'apple-script' },
    500,
    'A message is required when creating chats on macOS Big Sur or newer!',
  ],
  [{ addresses: [ada, eve], method: 'apple-script' }, 500, 'Cannot create group chats on macOS Big Sur or newer!'],
  [{ addresses: ['+14155550104'] }, 500, 'Failed to find all handles for specified service!'],
  [{ addresses: [ada, '+14155550106'] }, 500, 'Failed to find all handles for specified service!'],
  [{ addresses: [ada], service: 'SMS' }, 500, 'Failed to find all handles for specified service!'],
])('a chat of %j is not begun', async (body, status, words) => {
  const type = status === 400 ? 'Validation Error' : 'Server Error'
  expect(await begin(body)).toMatchObject({ status, error: { type, message: words } })
  expect(mac.network.messages()).toEqual([])
})

test('by SMS it goes through the owner’s telephone, if that is allowed', async () => {
  mac.network.mac.smsForwarding = true
  expect((await begin({ addresses: ['+14155550104'], service: 'SMS' })).data.guid).toBe('SMS;-;+14155550104')
  await mac.quiet()
  expect(mac.network.person('+14155550104').received).toMatchObject([{ text: 'Hi' }])
  expect(mac.heard.map(({ type }) => type)).toEqual(['new-message'])
})

test('a group is renamed: the answer forgets who is in it, and the same name changes nothing', async () => {
  const guid = await group(eve)
  const rename = (displayName?: string) => mac.ask(`PUT ${path(guid)}`, { displayName })
  const message = 'Successfully updated the following fields: displayName'
  expect(await rename('Picnic')).toMatchObject({
    status: 200,
    message,
    data: { displayName: 'Picnic', participants: [] },
  })
  await mac.quiet()
  expect(mac.heard.map(({ type, data }) => [type, data.isFromMe, data.groupTitle])).toEqual([
    ['group-name-change', true, 'Picnic'],
    ['new-message', true, 'Picnic'],
  ])
  expect(members((await rename('Picnic')).data)).toEqual([ada, eve])
  expect((await rename()).message).toBe('Chat not updated! No update information provided!')
  mac.network.quirks.renamedLosesParticipants = false
  expect(members((await rename('Dinner')).data)).toEqual([ada, eve])
  const two = await mac.chatWith(bob)
  expect(await mac.ask(`PUT ${path(two)}`, { displayName: 'x' })).toMatchObject({
    ...{ status: 500, message: 'Cannot rename a non-group chat!', error: { message: 'Chat is not a group' } },
  })
})

test('somebody is added and removed, by either spelling', async () => {
  const guid = await group(eve)
  const change = (call: string, address: string) => mac.ask(`${call.replace(' ', ` ${path(guid)}/`)}`, { address })
  expect(members((await change('POST participant', bob)).data)).toEqual([ada, eve, bob])
  expect(members((await change('POST participant/remove', bob)).data)).toEqual([ada, eve])
  expect(members((await change('POST participant/add', bob)).data)).toEqual([ada, eve, bob])
  expect(members((await change('DELETE participant', bob)).data)).toEqual([ada, eve])
  await mac.quiet()
  const told = mac.heard.filter(({ type }) => type !== 'new-message').map(({ type, data }) => [type, data.otherHandle])
  expect(told).toEqual([
    ['participant-added', 3],
    ['participant-removed', 3],
    ['participant-added', 3],
    ['participant-removed', 3],
  ])
})

test('a change of nothing is waited for, 43 seconds long, and then it failed', async () => {
  const guid = await group(eve)
  const waited = async (work: () => Promise<Reply>) => {
    const began = clock.now()
    const { status, error } = await work()
    // The machine's timers may be a millisecond early, which is much more by this clock.
    expect(clock.now() - began).toBeGreaterThanOrEqual(40_000)
    return [status, error?.message]
  }
  const add = (address: string) => mac.ask(`POST ${path(guid)}/participant`, { address })
  const remove = (address: string) => mac.ask(`DELETE ${path(guid)}/participant`, { address })
  const words = (what: string) => `Failed to ${what} participant to chat! Operation took longer than 5 seconds!`
  expect(await waited(() => add(eve))).toEqual([500, words('add')])
  expect(await waited(() => add('+14155550104'))).toEqual([500, words('add')])
  expect(await waited(() => remove(bob))).toEqual([500, words('remove')])
  mac.network.quirks.ignoresGroupChanges = true
  expect(await waited(() => mac.ask(`PUT ${path(guid)}`, { displayName: 'Never' }))).toEqual([
    ...[500, 'Failed to set new display name! Operation took longer than 30 seconds!'],
  ])
  const two = await mac.chatWith(bob)
  expect(await mac.ask(`POST ${path(two)}/participant`, { address: eve })).toMatchObject({
    ...{ status: 500, error: { message: 'Chat is not a group chat!' } },
  })
})

test('whoever left hears nothing any more, and a chat that is not there is left as well', async () => {
  const guid = await group(eve)
  expect(await mac.ask(`POST ${path(guid)}/leave`)).toEqual({ status: 200, message: 'Successfully left chat!' })
  expect((await mac.ask(`POST ${path('iMessage;+;nothing')}/leave`)).status).toBe(200)
  await mac.quiet()
  expect(mac.heard.map(({ type }) => type)).toEqual(['participant-left', 'new-message'])
  mac.network.person(ada).says('Gone?', { to: guid })
  await mac.quiet()
  expect(mac.heard.length).toBe(2)
  const send = await mac.ask('POST message/text', { chatGuid: guid, message: 'Hi', method: 'private-api' })
  expect(send.error?.message).toBe('Chat does not exist in IMChatRegistry!')
})

test('a group has a picture, as long as it has one', async () => {
  const guid = await group(eve)
  const form = new FormData()
  form.set('icon', new Blob(['a picture']), 'icon.png')
  const icon = () => mac.fetch(`GET ${path(guid)}/icon`)
  expect((await mac.ask(`POST ${path(guid)}/icon`, new FormData())).error?.message).toBe(
    'Icon not provided or was empty!',
  )
  expect(await mac.ask(`GET ${path(guid)}/icon`)).toMatchObject({
    ...{ status: 404, error: { message: 'Unable to find icon for the selected chat' } },
  })
  expect((await mac.ask(`POST ${path(guid)}/icon`, form)).message).toBe('Successfully set group chat icon!')
  const shown = await icon()
  expect([shown.headers.get('content-type'), await shown.text()]).toEqual(['image/jpeg', 'a picture'])
  expect((await find(guid)).data.properties).toEqual([{ groupPhotoGuid: expect.stringMatching(/^at_0_/) }])
  expect((await mac.ask(`DELETE ${path(guid)}/icon`)).message).toBe('Successfully removed group chat icon!')
  expect((await icon()).status).toBe(404)
})

test('reading is shown to who wrote, told twice, and cannot be undone before macOS 13', async () => {
  const guid = await mac.chatWith(ada)
  const read = async (how: string) => {
    mac.heard.length = 0
    const { message } = await mac.ask(`POST ${path(guid)}/${how}`)
    await mac.quiet()
    return [message, ...mac.heard.map(({ type, data }) => [type, data.read])]
  }
  const told = 'chat-read-status-changed'
  expect(await read('read')).toEqual(['Successfully marked chat as read!', [told, true], [told, true]])
  expect(await read('read')).toEqual(['Successfully marked chat as read!', [told, true]])
  expect(mac.network.person(ada).readBy.length).toBe(1)
  mac.network.mac.macos = '12.7'
  expect(await read('unread')).toEqual(['Successfully marked chat as unread!', [told, false]])
})

test('typing is shown, stopping shows it again, and a message ends it', async () => {
  const chatGuid = await mac.chatWith(ada)
  const seen = () => mac.network.person(ada).seen.map(({ isTyping }) => isTyping)
  expect((await mac.ask(`POST ${path(chatGuid)}/typing`)).message).toBe('Successfully started typing!')
  expect((await mac.ask(`DELETE ${path(chatGuid)}/typing`)).message).toBe('Successfully stopped typing!')
  expect(seen()).toEqual([true, true])
  await mac.ask('POST message/text', { chatGuid, message: 'Hi', method: 'private-api' })
  expect(seen()).toEqual([true, true, false])
  mac.network.quirks.stopTypingStarts = false
  await mac.ask(`POST ${path(chatGuid)}/typing`)
  await mac.ask(`DELETE ${path(chatGuid)}/typing`)
  expect(seen().slice(3)).toEqual([true, false])
  expect((await mac.ask(`POST ${path('iMessage;-;nobody')}/typing`)).status).toBe(200)
})

test('chats are listed and counted, the latest first where that is asked for', async () => {
  const first = await mac.chatWith(ada)
  const second = await group(eve)
  clock.skip(1_000)
  mac.network.person(ada).says('Latest')
  const listed = await mac.ask('POST chat/query', { with: ['lastmessage'], limit: 10, offset: 0 })
  expect(listed.metadata).toEqual({ count: 2, total: 2, offset: 0, limit: 10 })
  expect(listed.data).toMatchObject([
    {
      guid: first,
      lastMessage: { text: 'Latest', handle: null, chats: [] },
      messages: [],
      participants: [{ address: ada }],
    },
    { guid: second, lastMessage: { text: 'Hi' } },
  ])
  expect((await mac.ask('POST chat/query', { guid: second })).data).toMatchObject([{ guid: second }])
  expect((await mac.ask('GET chat/count')).data).toEqual({ total: 2, breakdown: { iMessage: 2 } })
})

test('addresses: who is on iMessage, who is known, who does not want to be disturbed', async () => {
  const ask = async (address: string) =>
    (await mac.ask('GET handle/availability/imessage', undefined, { address })).data
  expect(await Promise.all([ada, eve, '+14155550104', '+14155550106'].map(ask))).toEqual([
    ...[{ available: true }, { available: true }, { available: false }, { available: false }],
  ])
  mac.network.faults.denyNext(2)
  expect([await ask(ada), await ask(ada), await ask(ada)].map(({ available }) => available)).toEqual([
    ...[false, false, true],
  ])
  expect((await mac.ask('GET handle/availability/facetime')).error?.message).toBe('The address field is required.')
  expect(await mac.ask(`GET handle/${ada}`)).toMatchObject({ status: 404, error: { message: 'Handle not found!' } })
  await mac.chatWith(ada)
  await mac.chatWith(eve)
  expect((await mac.ask(`GET handle/${encodeURIComponent(ada)}`)).data).toEqual({
    ...{ originalROWID: 1, address: ada, service: 'iMessage', uncanonicalizedId: null, country: 'us' },
  })
  const focus = async () => (await mac.ask(`GET handle/${encodeURIComponent(ada)}/focus`)).data.status
  expect(await focus()).toBe('none')
  mac.network.person(ada).focuses(true)
  expect(await focus()).toBe('silenced')
  const known = await mac.ask('POST handle/query', { offset: 1, limit: 5, with: ['chats'] })
  expect(known.metadata).toEqual({ total: 2, offset: 1, limit: 5, count: 1 })
  expect(known.data).toMatchObject([{ originalROWID: 2, address: eve, chats: [{ guid: `iMessage;-;${eve}` }] }])
})

test('calls by FaceTime have links from macOS 12 on', async () => {
  expect((await mac.ask('POST facetime/session')).data.link).toMatch(/^https:\/\/facetime\.apple\.com\/join/)
  expect((await mac.ask('POST facetime/answer/some-call')).data.link).toMatch(/^https:/)
  expect(await mac.ask('POST facetime/leave/some-call')).toEqual({ status: 201, message: 'No Data' })
  mac.network.mac.macos = '11.7'
  expect((await mac.ask('POST facetime/session')).status).toBe(500)
})
