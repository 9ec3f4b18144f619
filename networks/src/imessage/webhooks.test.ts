/** What the server tells by webhook: everything that it doubles, leaves out, forgets and loses. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Json } from './store/shapes.ts'
import { type Client, openClient } from './testing/client.ts'
import { fastClock } from './testing/fast-clock.ts'

const [ada, eve] = ['+14155550199', 'eve@example.com']
const hourMs = 3_600_000
const clock = fastClock()
let mac: Client
beforeEach(async () => {
  mac = await openClient({ clock })
})
afterEach(() => mac.stop())

const types = () => mac.heard.map(({ type }) => type)
async function happens(work: () => unknown): Promise<string[]> {
  mac.heard.length = 0
  await work()
  await mac.quiet()
  return types()
}

test('a webhook is registered once, keeps its events, and is looked up badly', async () => {
  const url = 'http://127.0.0.1:9/other'
  const [known] = mac.network.webhooks()
  const created = await mac.ask('POST webhook', { url, events: ['new-message'] })
  expect(created).toEqual({
    ...{ status: 200, message: 'Successfully created webhook!' },
    data: { id: 2, url, events: ['new-message'], created: expect.stringMatching(/^\d{4}-/) },
  })
  expect((await mac.ask('POST webhook', { url, events: ['*'] })).data).toEqual(created.data)
  expect((await mac.ask('GET webhook')).data).toEqual([known, created.data])
  expect((await mac.ask('GET webhook', undefined, { url })).data).toEqual([created.data])
  expect(await mac.ask('GET webhook', undefined, { id: '2' })).toMatchObject({
    ...{ status: 500, error: { type: 'Server Error' } },
  })
  expect((await mac.ask('GET webhook', undefined, { url: 'http://nobody' })).status).toBe(500)
  expect((await mac.ask('DELETE webhook/2')).message).toBe('Successfully deleted webhook!')
  expect((await mac.ask('DELETE webhook/2')).status).toBe(200)
  expect((await mac.ask('GET webhook')).data).toEqual([known])
})

test.each<[body: object, words: string]>([
  [{ events: ['*'] }, 'The url field is required.'],
  [{ url: 'http://a' }, 'The events field is required.'],
  [{ url: 'ftp://a', events: ['*'] }, 'Webhook URL must include an HTTP scheme!'],
  [{ url: 'http://a', events: [7] }, 'Webhook events must be strings!'],
  [{ url: 'http://a', events: ['imessage-aliases-removed'] }, 'Invalid webhook event: imessage-aliases-removed!'],
])('a webhook of %j is refused', async (body, words) => {
  const refused = await mac.ask('POST webhook', body)
  expect([refused.status, refused.error?.message]).toEqual([400, expect.stringContaining(words)])
})

test('only what was subscribed to is told', async () => {
  const picky = await openClient({ clock, events: ['typing-indicator'] })
  picky.network.person(ada).types()
  picky.network.person(ada).says('Hi')
  await picky.quiet()
  expect(picky.heard.map(({ type }) => type)).toEqual(['typing-indicator'])
  await picky.stop()
})

test('what somebody writes, corrects and takes back is told with fewer keys each time', async () => {
  const person = mac.network.person(ada)
  let guid = ''
  expect(await happens(() => (guid = person.says('Helo', { effect: 'x', subject: 'S' })))).toEqual(['new-message'])
  const [first] = mac.heard
  expect(Object.keys(first!.data).length).toBe(32)
  expect(first!.data).toMatchObject({
    ...{ guid, text: 'Helo', expressiveSendStyleId: 'x', subject: 'S', messageSummaryInfo: null, isFromMe: false },
    chats: [{ guid: `iMessage;-;${ada}`, originalROWID: 1, style: 45 }],
    handle: { originalROWID: 1, address: ada, service: 'iMessage' },
  })
  expect(Object.keys((first!.data.chats as Json[])[0]!).length).toBe(6)
  expect(await happens(() => person.edits(guid, 'Hello'))).toEqual(['updated-message'])
  expect(mac.heard[0]?.data).toMatchObject({ guid, text: 'Hello', dateEdited: expect.any(Number) })
  expect('chats' in mac.heard[0]!.data).toBe(false)
  expect(await happens(() => person.unsends(guid))).toEqual(['updated-message'])
  expect(mac.heard[0]?.data).toMatchObject({ guid, text: null, partCount: 0, dateRetracted: null })
})

test('a reply, a reaction and an emoji are messages that point at another', async () => {
  const person = mac.network.person(ada)
  const sent = await mac.chatWith(ada)
  const { data } = await mac.ask('POST message/text', { chatGuid: sent, message: 'Come?', method: 'private-api' })
  const guid = String(data.guid)
  await mac.quiet()
  await happens(() => [person.says('Yes', { replyTo: guid }), person.reacts(guid, 'like'), person.reacts(guid, '🎉')])
  expect(types()).toEqual(['new-message', 'new-message', 'new-message'])
  expect(mac.heard.map((one) => one.data)).toMatchObject([
    { text: 'Yes', threadOriginatorGuid: guid },
    { associatedMessageType: 'like', associatedMessageGuid: `p:0/${guid}`, text: 'Liked “Come?”' },
    { associatedMessageType: '2006', text: 'Reacted 🎉 to “Come?”' },
  ])
})

test('what happens to a group is told twice, and who is in it only the first time', async () => {
  const person = mac.network.person(ada)
  let chat = ''
  expect(await happens(() => (chat = person.startsGroup([eve])))).toEqual(['new-message'])
  expect('participants' in (mac.heard[0]!.data.chats as Json[])[0]!).toBe(false)
  const third = '+14155550197'
  expect(await happens(() => person.addsTo(chat, third))).toEqual(['participant-added', 'new-message'])
  const [added, doubled] = mac.heard
  expect(added!.data).toMatchObject({
    ...{ itemType: 1, groupActionType: 0, otherHandle: 3, text: null, handle: { address: ada } },
    chats: [{ guid: chat, participants: [{ address: ada }, { address: eve }, { address: third }] }],
  })
  expect(doubled!.data.guid).toBe(added!.data.guid)
  expect('participants' in (doubled!.data.chats as Json[])[0]!).toBe(false)
  expect(await happens(() => person.removes(chat, third))).toEqual(['participant-removed', 'new-message'])
  expect(await happens(() => person.renames(chat, 'Picnic'))).toEqual(['group-name-change', 'new-message'])
  expect(mac.heard[0]?.data).toMatchObject({ itemType: 2, groupTitle: 'Picnic', chats: [{ displayName: 'Picnic' }] })
  expect('participants' in (mac.heard[0]!.data.chats as Json[])[0]!).toBe(false)
  expect(await happens(() => person.setsIcon(chat, Buffer.from('x')))).toEqual(['group-icon-changed', 'new-message'])
  expect(await happens(() => person.setsIcon(chat, null))).toEqual(['group-icon-removed', 'new-message'])
  expect(await happens(() => mac.network.person(eve).leaves(chat))).toEqual(['participant-left', 'new-message'])
  expect(mac.heard[0]?.data).toMatchObject({ itemType: 3, groupActionType: 0, handle: { address: eve } })
})

test('typing is told of chats of two, and not again within five seconds', async () => {
  const person = mac.network.person(ada)
  const chat = person.startsGroup([eve])
  await mac.quiet()
  await happens(() => [person.types(), person.types(), person.types(false), person.types(true, chat)])
  const data = { guid: `iMessage;-;${ada}` }
  expect(mac.heard).toEqual([
    { type: 'typing-indicator', data: { ...data, display: true } },
    { type: 'typing-indicator', data: { ...data, display: false } },
  ])
  await happens(() => {
    person.types(false)
    clock.skip(6_000)
    person.types(false)
  })
  expect(mac.heard).toEqual([{ type: 'typing-indicator', data: { ...data, display: false } }])
})

test('a guid is forgotten after an hour: what is read later comes as new', async () => {
  const chatGuid = await mac.chatWith(ada)
  const send = () => mac.ask('POST message/text', { chatGuid, message: 'Hi', method: 'private-api' })
  expect(await happens(send)).toEqual(['new-message', 'updated-message'])
  expect(await happens(() => mac.network.person(ada).reads())).toEqual(['updated-message'])
  expect(await happens(send)).toEqual(['new-message', 'updated-message'])
  clock.skip(hourMs)
  expect(await happens(() => mac.network.person(ada).reads())).toEqual(['new-message'])
  expect(mac.heard[0]?.data).toMatchObject({ isFromMe: true, isDelivered: true, dateRead: expect.any(Number) })
})

test('in a group delivery has no date, reading is not told, and every hour the message comes as new', async () => {
  const chatGuid = mac.network.person(ada).startsGroup([eve])
  await mac.quiet()
  const send = () => mac.ask('POST message/text', { chatGuid, message: 'Hi', method: 'private-api' })
  expect(await happens(send)).toEqual(['new-message', 'updated-message'])
  expect(mac.heard[1]?.data).toMatchObject({ isDelivered: true, dateDelivered: null })
  expect(await happens(() => mac.network.person(ada).reads(chatGuid))).toEqual([])
  clock.skip(hourMs)
  expect(await happens(() => mac.network.person(eve).says('Again'))).toEqual(['new-message', 'new-message'])
  expect(mac.heard.map(({ data: { text } }) => text)).toEqual(['Hi', 'Again'])
})

test('after a restart it says hello, and takes old messages for new', async () => {
  const chatGuid = await mac.chatWith(ada)
  const guid = mac.network.person(ada).says('Helo')
  await mac.ask('POST message/text', { chatGuid, message: 'Hi', method: 'private-api' })
  await mac.quiet()
  clock.skip(120_000)
  expect(await happens(() => mac.network.faults.restart(2))).toEqual(['hello-world', 'new-message', 'new-message'])
  expect(mac.heard[0]?.data).toBe(null)
  expect(await happens(() => mac.network.person(ada).edits(guid, 'Hello'))).toEqual(['new-message'])
  expect(
    await happens(async () => {
      const answered = await mac.ask('GET server/restart/soft')
      expect(answered).toEqual({ status: 200, message: 'Successfully kicked off services restart!' })
      clock.skip(2_000)
    }),
  ).toEqual(['hello-world'])
})

test('webhooks are lost: all of them, or the same share for the same seed', async () => {
  const { faults, person } = mac.network
  faults.loseWebhooks('all')
  expect(await happens(() => person(ada).says('Lost'))).toEqual([])
  const told: unknown[][] = []
  for (const seed of [7, 7, 8]) {
    faults.loseWebhooks({ share: 0.5, seed })
    await happens(() => Array.from({ length: 40 }, (_, at) => person(ada).says(`${at}`)))
    told.push(mac.heard.map(({ data: { text } }) => Number(text)).sort((one, other) => one - other))
  }
  expect(told[0]).toEqual(told[1])
  expect(told[0]).not.toEqual(told[2])
  expect(told[0]!.length).toBeGreaterThan(10)
  expect(told[0]!.length).toBeLessThan(30)
  faults.loseWebhooks(null)
  expect(await happens(() => person(ada).says('Told'))).toEqual(['new-message'])
})

test('a watcher that sleeps tells nothing until the Mac is touched', async () => {
  const { faults, person } = mac.network
  faults.sleep(true)
  expect(await happens(() => person(ada).says('One'))).toEqual([])
  expect((await mac.ask('GET message/count')).data).toEqual({ total: 1 })
  expect(await happens(() => mac.ask('POST mac/imessage/restart'))).toEqual(['new-message'])
  expect(await happens(() => person(ada).says('Two'))).toEqual([])
  expect(await happens(() => faults.sleep(false))).toEqual(['new-message'])
})

test('files that come late are not told of, unless they are', async () => {
  const { faults, person } = mac.network
  const send = () => person(ada).sends({ name: 'a.png', bytes: Buffer.from('x') })
  faults.lateFiles({ afterMs: 60_000 })
  const guid = send()
  await expect.poll(() => mac.heard.length).toBe(1)
  expect(mac.heard).toMatchObject([{ type: 'new-message', data: { text: '', attachments: [] } }])
  const look = async () => (await mac.ask(`GET message/${guid}`, undefined, { with: 'attachments' })).data.attachments
  expect(await look()).toEqual([])
  expect(await happens(() => clock.skip(60_000))).toEqual([])
  expect(await look()).toMatchObject([{ transferName: 'a.png' }])
  faults.lateFiles({ afterMs: 5, isTold: true })
  expect(await happens(send)).toEqual(['new-message', 'updated-message'])
  expect(mac.heard[1]?.data.attachments).toMatchObject([{ transferName: 'a.png' }])
})

test('old messages that come late are told of nowhere, and have new rows', async () => {
  mac.network.person(ada).says('Now')
  await mac.quiet()
  expect(await happens(() => mac.network.faults.backfill([{ from: eve, text: 'Then', agoMs: 864_000_000 }]))).toEqual(
    [],
  )
  expect(mac.network.messages().map(({ rowid, text }) => [rowid, text])).toEqual([
    [1, 'Now'],
    [2, 'Then'],
  ])
})

test('a call is told in one of two ways, and its end in one of them', async () => {
  await happens(() => mac.network.person(ada).calls().hangsUp())
  expect(mac.heard).toEqual([{ type: 'incoming-facetime', data: expect.stringContaining(`"caller":"${ada}"`) }])
  mac.network.mac.facetimeCalling = true
  await happens(() => mac.network.person(ada).calls({ isVideo: false }).hangsUp())
  const call = { address: ada, handle: null, is_outgoing: false, is_audio: true, is_video: false, image_url: null }
  expect(mac.heard.map(({ data }) => data)).toMatchObject([
    { ...call, status: 'incoming', status_id: 4 },
    { ...call, status: 'disconnected', status_id: 6 },
  ])
})

test('addresses that Apple takes away are told under a name that nobody can subscribe to', async () => {
  await happens(() => mac.network.faults.removeAliases(['+15550100300']))
  expect(mac.heard).toEqual([{ type: 'imessage-aliases-removed', data: { aliases: ['+15550100300'] } }])
  expect((await mac.ask('GET icloud/account')).data.aliases).toEqual(['line@icloud.example'])
})

test('what the owner writes and reads on the Mac is told like everything else', async () => {
  const { owner, person } = mac.network
  const theirs = person(ada).says('Hi')
  await mac.quiet()
  expect(await happens(() => owner.says(ada, 'From the Mac'))).toEqual(['new-message', 'updated-message'])
  expect(mac.heard[0]?.data).toMatchObject({ isFromMe: true, text: 'From the Mac', handle: null })
  expect(await happens(() => owner.reads(ada))).toEqual(['chat-read-status-changed'])
  expect(mac.heard[0]?.data).toEqual({ chatGuid: `iMessage;-;${ada}`, read: true })
  expect(person(ada).readBy).toEqual([theirs])
})

test('nobody waits for a webhook, and none comes twice because it failed', async () => {
  await mac.ask('POST webhook', { url: 'http://127.0.0.1:9/nobody', events: ['*'] })
  expect(await happens(() => mac.network.person(ada).says('Hi'))).toEqual(['new-message'])
  expect(mac.network.leftBehind()).toBeLessThan(4)
})

test('a message that keeps its audio, and one by SMS, are told as what they are', async () => {
  const chatGuid = await mac.chatWith(ada)
  const form = new FormData()
  const fields = { chatGuid, name: 'memo.caf', method: 'private-api', isAudioMessage: 'true' }
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('attachment', new Blob(['x']), 'memo.caf')
  const { data } = await mac.ask('POST message/attachment', form)
  await mac.quiet()
  await happens(() => mac.network.person(ada).keepsAudio(String(data.guid)))
  expect(mac.heard.map((one) => one.data).at(-1)).toMatchObject({ itemType: 5, text: null })
  await happens(() => mac.network.person(ada).says('By SMS', { service: 'SMS' }))
  expect(mac.heard[0]?.data).toMatchObject({
    handle: { address: ada, service: 'SMS' },
    chats: [{ guid: `SMS;-;${ada}` }],
  })
})
