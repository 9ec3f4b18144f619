/** Messages are found by guid, by chat, by date and by row, page after page, with what is asked for and no more. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Json } from './store/shapes.ts'
import { type Client, openClient } from './testing/client.ts'
import { fastClock } from './testing/fast-clock.ts'

const [ada, eve] = ['+14155550199', '+14155550198']
const clock = fastClock()
let mac: Client
beforeEach(async () => {
  mac = await openClient({ clock })
})
afterEach(() => mac.stop())

const rows = (data: unknown, name = 'text') => (data as Json[]).map((row) => row[name])
const query = (body: object) => mac.ask('POST message/query', body)

test('a message has all of its keys, and chats, files and more only when they are asked for', async () => {
  const guid = mac.network.person(ada).sends({ name: 'IMG.HEIC', bytes: Buffer.from('x') }, { caption: 'Look' })
  const bare = await mac.ask(`GET message/${guid}`)
  expect(bare).toMatchObject({ status: 200, message: 'Success' })
  expect(Object.keys(bare.data).length).toBe(51)
  expect(bare.data).toMatchObject({
    ...{ originalROWID: 1, guid, text: 'Look', attributedBody: null, chats: [], attachments: [], isFromMe: false },
    handle: { originalROWID: 1, address: ada, service: 'iMessage', uncanonicalizedId: null, country: 'us' },
  })
  const more = { with: 'chats,chats.participants,attachments,attributed-body,message-summary-info' }
  const { data } = await mac.ask(`GET message/${guid}`, undefined, more)
  expect(data).toMatchObject({
    chats: [{ guid: `iMessage;-;${ada}`, style: 45, chatIdentifier: ada, displayName: '' }],
    attachments: [{ transferName: 'IMG.HEIC.jpeg', mimeType: 'image/jpeg', transferState: 5, isOutgoing: false }],
    attributedBody: [{ string: '\ufffcLook' }],
  })
  expect('participants' in (data.chats as Json[])[0]!).toBe(false)
  expect(await mac.ask('GET message/nothing')).toEqual({
    status: 404,
    message: 'The requested resource was not found',
    error: { type: 'Database Error', message: 'Message does not exist!' },
  })
})

test('older versions of macOS know fewer keys', async () => {
  const guid = mac.network.person(ada).says('Hi')
  const counted: number[] = []
  for (const macos of ['13.0', '12.7', '11.7']) {
    mac.network.mac.macos = macos
    counted.push(Object.keys((await mac.ask(`GET message/${guid}`)).data).length)
  }
  expect(counted).toEqual([51, 48, 46])
})

test('who is in a group comes along when it is asked for', async () => {
  const chat = mac.network.person(ada).startsGroup([eve], { text: 'Picnic?' })
  const { data } = await query({ chatGuid: chat, with: ['chat.participants'] })
  expect(data).toMatchObject([{ chats: [{ guid: chat, participants: [{ address: ada }, { address: eve }] }] }])
  const bare = await query({ chatGuid: chat, with: [] })
  expect('participants' in ((bare.data as unknown as Json[])[0]!.chats as Json[])[0]!).toBe(false)
})

test('a thousand rows and more are read by their numbers, whatever their dates', async () => {
  const person = mac.network.person(ada)
  for (let at = 1; at <= 1_200; at += 1) person.says(`${at}`)
  mac.network.faults.backfill([{ from: ada, text: 'Long ago', agoMs: 864_000_000 }])
  // The answer is in the order of dates: the oldest message has the greatest row, and stands on the first page.
  const where = [{ statement: 'message.ROWID > :low', args: { low: 0 } }]
  const first = await query({ where, sort: 'ASC', limit: 1_000, with: ['chats', 'attachments'] })
  expect(rows(first.data, 'originalROWID').slice(0, 2)).toEqual([1_201, 1])
  const seen: unknown[] = []
  for (let low = 0; low < 1_201; low += 1_000) {
    const bounds = [
      { statement: 'message.ROWID > :low', args: { low } },
      { statement: 'message.ROWID <= :high', args: { high: low + 1_000 } },
    ]
    seen.push(...rows((await query({ where: bounds, limit: 1_000 })).data))
  }
  expect([seen.length, new Set(seen).size]).toEqual([1_201, 1_201])
  const range = [
    { statement: 'message.ROWID > :low', args: { low: 5 } },
    { statement: 'message.ROWID <= :high', args: { high: 8 } },
    { statement: 'message.is_from_me = 0', args: null },
  ]
  expect(rows((await query({ where: range, sort: 'ASC' })).data)).toEqual(['6', '7', '8'])
})

test('pages tell how much there is, and the newest comes first unless it is said', async () => {
  const person = mac.network.person(ada)
  for (const words of ['one', 'two', 'three']) {
    person.says(words)
    clock.skip(1_000)
  }
  const newest = await query({ limit: 2 })
  expect(newest).toMatchObject({
    ...{ status: 200, message: 'Successfully fetched messages!' },
    metadata: { offset: 0, limit: 2, total: 3, count: 2 },
  })
  expect(rows(newest.data)).toEqual(['three', 'two'])
  expect(rows((await query({ offset: 1, sort: 'ASC', limit: '1' })).data)).toEqual(['two'])
  const [{ dateCreated: first }, , { dateCreated: last }] = mac.network.messages() as unknown as [Json, Json, Json]
  expect(rows((await query({ after: last })).data)).toEqual(['three'])
  expect(rows((await query({ before: first })).data)).toEqual(['one'])
  const apple = (Number(last) - 978_307_200_000) * 1_000_000
  const where = [{ statement: 'message.dateCreated >= :at', args: { at: apple } }]
  expect(rows((await query({ where })).data)).toEqual(['three'])
  const counts = await Promise.all(
    ['count', 'count/me', 'count/updated'].map((path) => mac.ask(`GET message/${path}`, undefined, { after: '1' })),
  )
  expect(counts.map(({ data }) => data)).toEqual([{ total: 3 }, { total: 0 }, { total: 0 }])
  expect((await mac.ask('GET message/count', undefined, { minRowId: '2' })).data).toEqual({ total: 2 })
})

test('a chat that is not there has no messages, or is not found, depending on who asks', async () => {
  expect(await query({ chatGuid: 'iMessage;-;nobody' })).toEqual({
    ...{ status: 200, message: 'No chat found with GUID: iMessage;-;nobody', data: [] },
  })
  expect(await mac.ask('GET chat/iMessage%3B-%3Bnobody/message')).toMatchObject({
    ...{ status: 404, error: { message: 'Chat does not exist!' } },
  })
  const chat = await mac.chatWith(ada)
  const found = await mac.ask(`GET chat/${encodeURIComponent(chat)}/message`, undefined, { limit: '5' })
  expect([rows(found.data), found.metadata]).toEqual([['Hello'], { offset: 0, limit: 5, total: 1, count: 1 }])
})

test.each<[body: object, words: string]>([
  [{ limit: 0 }, 'The limit must be at least 1.'],
  [{ limit: 1_001 }, 'The limit may not be greater than 1000.'],
  [{ sort: 'UP' }, 'The selected sort is invalid.'],
  [{ with: 'chats' }, 'The with must be an array.'],
  [{ where: [{ args: {} }] }, 'The where.0.statement field is required.'],
  [{ where: [{ statement: 'message.ROWID > 1' }] }, 'The where.0.args field must be present (but can be empty).'],
])('a query with %j is refused', async (body, words) => {
  expect(await query(body)).toMatchObject({ status: 400, error: { type: 'Validation Error', message: words } })
})

test.each([
  ['message.ROWID > :x; DROP TABLE message', 'syntax error'],
  ['message.nothing = :x', 'no such column: message.nothing'],
  ['chat.guid = :x', 'no such column: chat.guid'],
  ['message.ROWID > :y', 'Missing named parameter "y"'],
])('the statement %s fails as the database would', async (statement, words) => {
  const failed = await query({ where: [{ statement, args: { x: 1 } }] })
  expect(failed).toMatchObject({
    ...{ status: 500, message: 'An unhandled error has occurred!' },
    error: { type: 'Server Error', message: expect.stringContaining(words) },
  })
})
