/** What takes long, is not done, or is done and never said so; and changes of what was sent. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, openClient } from './testing/client.ts'
import { fastClock } from './testing/fast-clock.ts'

const ada = '+14155550199'
const clock = fastClock(100)
let mac: Client
let chatGuid: string
beforeEach(async () => {
  mac = await openClient({ clock })
  chatGuid = await mac.chatWith(ada)
})
afterEach(() => mac.stop())

const text = (message: string, more: object = {}) =>
  mac.ask('POST message/text', { chatGuid, message, method: 'private-api', ...more })
/** Resolves with what came of it, once it took so long and not less. */
const within = async <Value>(seconds: number, work: () => Promise<Value>): Promise<Value> => {
  const began = clock.now()
  const value = await work()
  expect(clock.now() - began).toBeGreaterThanOrEqual(seconds * 1_000)
  return value
}
const received = () => mac.network.person(ada).received.map((message) => message.text)

test('one thing after the other is asked of the helper, 200 ms apart', async () => {
  mac.network.waits.lockMs = 200
  mac.network.waits.rowMs = 0
  const began = clock.now()
  await Promise.all(Array.from({ length: 11 }, (_, at) => text(`${at}`)))
  expect(clock.now() - began).toBeGreaterThanOrEqual(2_000)
})

test('a helper that does not answer is given up after 120 s, and the row comes late or never', async () => {
  mac.network.faults.nextSends({ kind: 'timesOut', rowAfterMs: 3_600_000 })
  expect(await within(120, () => text('Late', { tempGuid: 'late' }))).toEqual({
    ...{ status: 500, message: 'Message Send Error' },
    error: { type: 'iMessage Error', message: 'Transaction timeout' },
  })
  expect(received()).toEqual([])
  clock.skip(3_600_000)
  await expect.poll(received).toEqual(['Late'])
  mac.network.faults.nextSends({ kind: 'timesOut', rowAfterMs: null })
  expect((await text('Never')).error?.message).toBe('Transaction timeout')
  await mac.quiet()
  expect(received()).toEqual(['Late'])
})

test('what the store never has is given up after more than a minute', async () => {
  mac.network.faults.nextSends({ kind: 'neverWritten' })
  const failed = await within(64, () => text('Nowhere'))
  expect(failed.error?.message).toBe('Failed to send message! Message not found in database after 60 seconds!')
})

test('a script that hangs is answered without data after 120 s, though the message was delivered', async () => {
  mac.network.faults.nextSends({ kind: 'scriptHangs' })
  const failed = await within(120, () => text('Hi', { method: 'apple-script', tempGuid: 'temp' }))
  expect(failed).toEqual({
    ...{ status: 500, message: 'Message Send Error', data: null },
    error: { type: 'iMessage Error', message: 'Failed to send message! See attached message error code.' },
  })
  expect(received()).toEqual(['Hi'])
})

test('a file by script that is not recognised runs into the limit of every answer', async () => {
  mac.network.faults.nextSends({ kind: 'refused', words: 'No.' })
  expect((await text('Hi')).error?.message).toBe('No.')
  mac.network.waits.watchMs = 2_000_000
  const form = new FormData()
  for (const [name, value] of Object.entries({ chatGuid, name: 'a.jpg', tempGuid: 'temp' })) form.set(name, value)
  form.set('attachment', new Blob(['x']), 'a.jpg')
  const failed = await within(300, () => mac.ask('POST message/attachment', form))
  expect(failed).toEqual({
    ...{ status: 504, message: 'The request timed-out after 300000!' },
    error: { type: 'Gateway Timeout', message: 'The server took too long to respond and has timed-out!' },
  })
})

test('two sends to one chat are answered with the same guid where that happens', async () => {
  mac.network.quirks.mixesGuids = true
  const both = await Promise.all([text('One', { tempGuid: 'a' }), text('Two', { tempGuid: 'b' })])
  const [first, second] = both.map(({ data }) => data.guid)
  expect(first).toBe(second)
  expect(received()).toEqual(['One', 'Two'])
})

const change = (guid: unknown, how: 'edit' | 'unsend', body: object = {}) =>
  mac.ask(
    `POST message/${guid}/${how}`,
    how === 'unsend'
      ? body
      : { ...{ editedMessage: 'Hello', backwardsCompatibilityMessage: 'Edited to “Hello”' }, ...body },
  )

test('an edit and an unsend are made, and told with their dates', async () => {
  await mac.stop()
  mac = await openClient()
  chatGuid = await mac.chatWith(ada)
  const { guid } = (await text('Helo')).data
  await mac.quiet()
  mac.heard.length = 0
  expect(await change(guid, 'edit')).toMatchObject({
    ...{ status: 200, message: 'Message edited!' },
    data: { text: 'Hello', dateEdited: expect.any(Number), messageSummaryInfo: [{ editedParts: [0] }] },
  })
  await mac.quiet()
  expect(await change(guid, 'unsend')).toMatchObject({
    ...{ status: 200, message: 'Message unsent!' },
    data: { text: null, partCount: 0, dateRetracted: null, messageSummaryInfo: [{ retractedParts: [0] }] },
  })
  await mac.quiet()
  expect(mac.heard.map(({ type, data }) => [type, data.text, data.partCount])).toEqual([
    ['updated-message', 'Hello', 1],
    ['updated-message', null, 0],
  ])
  expect(mac.network.person(ada).received).toMatchObject([{ text: null, edits: ['Hello'], isUnsent: true }])
})

test('what Apple does not take is waited for and answered with 200, unchanged', async () => {
  const { guid } = (await text('Helo')).data
  mac.network.quirks.ignoresEdits = true
  const same = await within(42.7, () => change(guid, 'edit'))
  expect([same.status, same.data.text, same.data.dateEdited]).toEqual([200, 'Helo', null])
  mac.network.quirks.ignoresEdits = false
  clock.skip(121_000)
  await within(42.7, () => change(guid, 'unsend'))
  expect(received()).toEqual(['Helo'])
  for (let times = 1; times <= 5; times += 1) {
    clock.skip(10)
    await change(guid, 'edit', { editedMessage: `${times}` })
  }
  expect((await change(guid, 'edit', { editedMessage: '6' })).data.text).toBe('5')
  mac.network.mac.macos = '26.0'
  const unsendable = (await text('New')).data
  expect((await change(unsendable.guid, 'edit')).data).toMatchObject({ text: 'New', dateEdited: null })
  mac.network.mac.macos = '15.5'
  mac.network.quirks.ignoresUnsends = true
  const kept = (await text('Kept')).data
  expect((await change(kept.guid, 'unsend')).data).toMatchObject({ text: 'Kept', dateEdited: null })
  const late = (await text('Late')).data
  clock.skip(901_000)
  expect((await change(late.guid, 'edit')).data.text).toBe('Late')
  const theirs = mac.network.person(ada).says('Mine')
  expect((await change(theirs, 'edit')).data.text).toBe('Mine')
})

test('edits need macOS 13, both their fields, and a message that is there', async () => {
  const { guid } = (await text('Hi')).data
  expect((await change('nothing', 'edit')).error?.message).toBe('Selected message does not exist!')
  expect((await change(guid, 'edit', { backwardsCompatibilityMessage: undefined })).error?.message).toBe(
    'The backwardsCompatibilityMessage field is required.',
  )
  mac.network.mac.macos = '12.7'
  expect(await change(guid, 'edit')).toMatchObject({
    ...{ status: 500, message: 'Message Edit Error' },
    error: { message: 'Unsend message is only supported on macOS Ventura and newer!' },
  })
  expect((await change(guid, 'unsend')).message).toBe('Unsend Message Error')
})

test('a Mac that lost its registration looks well, and nothing comes or goes', async () => {
  mac.network.faults.deregister(true)
  expect((await text('Hi')).status).toBe(200)
  mac.network.person(ada).says('Hello?')
  await mac.quiet()
  expect(mac.heard.map(({ type }) => type)).toEqual(['new-message'])
  expect(received()).toEqual([])
  expect((await mac.ask('GET server/info')).data).toMatchObject({ helper_connected: true, private_api: true })
  expect((await mac.ask('GET icloud/account')).data).toMatchObject({ login_status_message: 'Disconnected' })
})
