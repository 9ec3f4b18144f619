/** What is sent through the server arrives with people, and is answered and told as the real one does it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SendFate } from './doings.ts'
import { type Client, openClient } from './testing/client.ts'
import { fastClock } from './testing/fast-clock.ts'

const ada = '+14155550199'
const eve = 'eve@example.com'
const clock = fastClock(1)
let mac: Client
let chatGuid: string
beforeEach(async () => {
  mac = await openClient({ clock })
  chatGuid = await mac.chatWith(ada)
})
afterEach(() => mac.stop())

const text = (message: string, more: object = {}) =>
  mac.ask('POST message/text', { chatGuid, message, method: 'private-api', ...more })
const told = () =>
  mac.heard.map(({ type, data }) => [type, 'tempGuid' in data ? data.tempGuid : null, data.isDelivered, data.error])
const form = (fields: Record<string, string>, file?: Blob, fileName = 'picture.jpg') => {
  const sent = new FormData()
  for (const [name, value] of Object.entries(fields)) sent.set(name, value)
  if (file !== undefined) sent.set('attachment', file, fileName)
  return sent
}
const file = (fields: Record<string, string>, bytes = 'jpeg') =>
  mac.ask('POST message/attachment', form({ chatGuid, method: 'private-api', ...fields }, new Blob([bytes])))

test('a text arrives, is answered with its row, and is told twice and then delivered', async () => {
  const effectId = 'com.apple.MobileSMS.expressivesend.loud'
  const sent = await text('Hi Ada', { tempGuid: 'temp-1', effectId, subject: 'A word' })
  expect(sent).toMatchObject({ status: 200, message: 'Message sent!' })
  expect(sent.data).toMatchObject({ text: 'Hi Ada', error: 0, isDelivered: false, tempGuid: 'temp-1', handle: null })
  expect(Object.keys(sent.data).length).toBe(52)
  await mac.quiet()
  expect(told()).toEqual([
    ['new-message', 'temp-1', false, 0],
    ['new-message', null, false, 0],
    ['updated-message', null, true, 0],
  ])
  expect(mac.heard.map(({ data }) => Object.keys(data).length)).toEqual([33, 32, 31])
  const { guid } = sent.data
  expect(sent.data.chats).toMatchObject([{ guid: chatGuid, lastAddressedHandle: '+15550100300' }])
  expect(mac.network.person(ada).received).toMatchObject([
    { guid, text: 'Hi Ada', effect: effectId, subject: 'A word', chat: chatGuid, from: '+15550100300' },
  ])
  expect(mac.people.arrived(ada)).toMatchObject([{ network: 'imessage', id: guid, text: 'Hi Ada', to: ada }])
})

test('without a tempGuid it is told once, and so is everything when the server does not double', async () => {
  await text('One')
  await mac.quiet()
  expect(told().map(([type]) => type)).toEqual(['new-message', 'updated-message'])
  mac.network.quirks.duplicates = false
  mac.heard.length = 0
  await text('Two', { tempGuid: 'temp-2' })
  await mac.quiet()
  expect(told().map(([type]) => type)).toEqual(['new-message', 'updated-message'])
})

test('a read receipt and an answer come from who gives them', async () => {
  mac.people.set(ada, { readAfterMs: 5, writesBack: 'You said: $text', writesBackAfterMs: 300 })
  await text('Hi')
  await mac.quiet()
  const kinds = mac.heard.map(({ type, data }) => [type, data.text, data.dateRead === null])
  expect(kinds).toEqual([
    ['new-message', 'Hi', true],
    ['updated-message', 'Hi', true],
    ['updated-message', 'Hi', false],
    ['new-message', 'You said: Hi', true],
  ])
})

test.each<[body: object, words: string]>([
  [{ chatGuid: undefined }, 'The chatGuid field is required.'],
  [{ chatGuid: 7 }, 'The chatGuid must be a string.'],
  [{ message: undefined }, 'The message field must be present (but can be empty).'],
  [{ method: 'pigeon' }, 'The selected method is invalid.'],
  [{ partIndex: 'x' }, 'The partIndex must be a number.'],
  [{ partIndex: -1 }, 'The partIndex must be at least 0.'],
  [{ ddScan: 'perhaps' }, 'The ddScan must be true or false.'],
  [{ message: '' }, "A 'message' or 'subject' is required when sending via the Private API"],
  [{ method: 'apple-script' }, "A 'tempGuid' is required when sending via AppleScript"],
  [{ method: undefined }, "A 'tempGuid' is required when sending via AppleScript"],
  [{ method: 'apple-script', tempGuid: 't', message: ' ' }, "A 'message' is required when sending via AppleScript"],
])('a text with %j is refused in these words', async (wrong, words) => {
  expect(await text('Hi', wrong)).toEqual({
    status: 400,
    message: "You've made a bad request! Please check your request params & body",
    error: { type: 'Validation Error', message: words },
  })
  expect(mac.network.person(ada).received).toEqual([])
})

test('a subject alone, or a blank, gets past the rules and not past the helper', async () => {
  const error = {
    type: 'iMessage Error',
    message: 'Failed to invoke Private API action: send-message! Required fields are missing.',
  }
  expect(await text('', { subject: 'Alone' })).toEqual({ status: 500, message: 'Message Send Error', error })
  expect(await text(' ', { subject: 'Alone' })).toMatchObject({ status: 500, error })
})

test('a chat that Messages does not know is not begun by a text', async () => {
  expect(await text('Hi', { chatGuid: `iMessage;-;${eve}` })).toMatchObject({
    status: 500,
    message: 'Message Send Error',
    error: { type: 'iMessage Error', message: 'Chat does not exist in IMChatRegistry!' },
  })
})

test('what is still under way is not sent a second time', async () => {
  mac.network.waits.rowMs = 100
  const [first, second] = await Promise.all([text('Hi', { tempGuid: 'same' }), text('Hi', { tempGuid: 'same' })])
  expect([first.status, second.error?.message]).toEqual([
    200,
    'Message is already queued to be sent! (Temp GUID: same)',
  ])
  expect((await text('Hi', { tempGuid: 'same' })).status).toBe(200)
  await mac.quiet()
  expect(mac.network.person(ada).received.length).toBe(2)
})

test('sent by script it needs no helper, and is recognised by its letters alone', async () => {
  Object.assign(mac.network.mac, { privateApi: false, macos: '13.6' })
  const script = { method: 'apple-script', tempGuid: 'script-1' }
  expect((await text('Hi', script)).data).toMatchObject({ tempGuid: 'script-1', text: 'Hi' })
  expect(await text('Hi', { ...script, effectId: 'com.apple.messages.effect.CKEchoEffect' })).toMatchObject({
    error: { message: 'iMessage Private API is not enabled!' },
  })
  expect((await text('Hi', { ...script, chatGuid: `iMessage;-;${eve}` })).status).toBe(200)
  const [one, other] = await Promise.all([
    text('🎉', { ...script, tempGuid: 'a' }),
    text('🍎', { ...script, tempGuid: 'b' }),
  ])
  expect([one.status, other.status]).toEqual([200, 200])
  await mac.quiet()
  expect(mac.network.person(ada).received.map((message) => message.text)).toEqual(['Hi', '🎉', '🍎'])
})

test('on macOS 26 no script sends, and its error quotes what it was to send', async () => {
  mac.network.mac.macos = '26.0'
  const failed = await text('My secret', { method: 'apple-script', tempGuid: 'temp' })
  expect([failed.status, failed.message]).toEqual([500, 'Message Send Error'])
  expect(failed.error?.message).toMatch(/My secret[\s\S]*-1700/)
})

test('a file arrives byte for byte, is answered without itself, and is told with its guid', async () => {
  const sent = await file({ name: 'picture.jpg', tempGuid: 'temp-3', isAudioMessage: '1' }, 'the bytes')
  expect(sent).toMatchObject({ status: 200, message: 'Attachment sent!', data: { attachments: [], text: '' } })
  expect('tempGuid' in sent.data).toBe(false)
  await mac.quiet()
  expect(told().map(([type, temp]) => [type, temp])).toEqual([
    ['new-message', 'temp-3'],
    ['new-message', null],
    ['updated-message', null],
  ])
  expect(mac.heard[0]?.data.attachments).toEqual([
    {
      ...{ originalROWID: 1, guid: expect.stringMatching(/^at_0_[\dA-F-]{36}$/), uti: 'public.jpeg' },
      ...{ mimeType: 'image/jpeg', transferName: 'picture.jpg', totalBytes: 9, height: 0, width: 0, metadata: null },
    },
  ])
  const [received] = mac.network.person(ada).received
  expect(received).toMatchObject({ text: '', isAudioMessage: false, files: [{ name: 'picture.jpg' }] })
  expect(received?.files[0]?.bytes.toString()).toBe('the bytes')
})

test('a voice message is one only in the word true, and an MP3 becomes a CAF on the Mac', async () => {
  await file({ name: 'memo.mp3', isAudioMessage: 'true' })
  await file({ name: 'memo.caf', isAudioMessage: 'true' })
  await mac.quiet()
  const received = mac.network.person(ada).received
  expect(received.map(({ isAudioMessage, files }) => [isAudioMessage, files[0]?.name])).toEqual([
    [true, 'memo.caf'],
    [true, 'memo.caf'],
  ])
})

test.each<[FormData, string]>([
  [form({ chatGuid: 'x', method: 'private-api' }, new Blob(['x'])), 'The name field is required.'],
  [form({ chatGuid: 'x', name: 'a.jpg' }, new Blob(['x'])), "A 'tempGuid' is required when sending via AppleScript"],
  [form({ chatGuid: 'x', name: 'a.jpg', method: 'private-api' }), 'Attachment not provided or was empty!'],
  [form({ chatGuid: 'x', name: 'a', method: 'private-api' }, new Blob([])), 'Attachment not provided or was empty!'],
])('a form that is not right is refused: %#', async (wrong, words) => {
  expect(await mac.ask('POST message/attachment', wrong)).toMatchObject({ status: 400, error: { message: words } })
})

test('parts: what was uploaded comes with text and mentions, as one message that is told once', async () => {
  const uploads = ['a.jpg', 'b.jpg'].map((name) => mac.ask('POST attachment/upload', form({}, new Blob([name]), name)))
  const [one, other] = (await Promise.all(uploads)).map(({ data }) => String(data.path))
  expect(one).toMatch(/^[\da-f-]{36}\/a\.jpg$/)
  const parts = [
    { partIndex: 0, text: 'Look, ' },
    { partIndex: 0, text: 'Ada', mention: ada },
    { partIndex: 1, attachment: one, name: 'a.jpg' },
    { partIndex: 2, attachment: other, name: 'b.jpg' },
  ]
  const sent = await mac.ask('POST message/multipart', { chatGuid, parts, tempGuid: 'temp-4' })
  expect(sent).toMatchObject({ status: 200, data: { text: 'Look, Ada', partCount: 3, tempGuid: 'temp-4' } })
  await mac.quiet()
  expect(told().map(([type, temp]) => [type, temp])).toEqual([
    ['new-message', null],
    ['updated-message', null],
  ])
  const [received] = mac.network.person(ada).received
  expect(received?.mentions).toEqual([{ address: ada, start: 6, length: 3 }])
  expect(received?.files.map(({ name, bytes }) => [name, bytes.toString()])).toEqual([
    ['a.jpg', 'a.jpg'],
    ['b.jpg', 'b.jpg'],
  ])
})

test.each<[parts: unknown, words: string]>([
  [undefined, 'The parts field is required.'],
  ['x', 'The parts must be an array.'],
  [['x'], 'Each part must be a dictionary'],
  [[{ text: 'x' }], 'Each part must have a partIndex'],
  [[{ text: 'x', partIndex: '0' }], 'Each partIndex must be a number'],
  [[{ partIndex: 0 }], 'Each part must have either a text or attachment'],
  [[{ partIndex: 0, attachment: 'a/b' }], 'Each attachment must have a name'],
  [[{ partIndex: 0, attachment: 'a/b', name: 'b' }], "Attachment 'a/b' does not exist"],
])('parts %j are refused', async (parts, words) => {
  const refused = await mac.ask('POST message/multipart', { chatGuid, parts })
  expect(refused).toMatchObject({ status: 400, error: { message: words } })
})

test('a reaction points at its message; another emoji and another message are refused', async () => {
  const target = mac.network.person(ada).says('Shall we?')
  const react = (reaction: string, selectedMessageGuid = target) =>
    mac.ask('POST message/react', { chatGuid, selectedMessageGuid, reaction, partIndex: 0 })
  expect((await react('love')).data).toMatchObject({
    ...{ associatedMessageGuid: `p:0/${target}`, associatedMessageType: 'love', text: 'Loved “Shall we?”' },
  })
  expect((await react('-love')).data).toMatchObject({
    ...{ associatedMessageType: '-love', text: 'Removed a heart from “Shall we?”' },
  })
  expect((await react('🎉')).error?.message).toBe('The selected reaction is invalid.')
  expect((await react('like', 'nothing')).error?.message).toBe('Selected message does not exist!')
  await mac.quiet()
  expect(mac.network.person(ada).reactions).toMatchObject([
    { guid: target, part: 0, reaction: 'love' },
    { guid: target, part: 0, reaction: '-love' },
  ])
  expect(mac.network.person(ada).received).toEqual([])
  const own = String((await text('Ours')).data.guid)
  expect((await react('laugh', own)).status).toBe(200)
  expect(mac.network.person(ada).received).toMatchObject([{ guid: own, reactions: ['laugh'] }])
})

test.each<[behaviour: object, code: number]>([
  [{ exists: false }, 22],
  [{ onImessage: false }, 22],
  [{ failsFirst: 1 }, 3],
  [{ throttledFirst: 1 }, 10],
])('who is %j is told about by an error in the row', async (behaviour, code) => {
  mac.people.set(ada, behaviour)
  // The words of the version: its own error is caught and worded anew, and the message is gone.
  expect(await text('Hi', { tempGuid: 'temp-5' })).toEqual({
    status: 500,
    message: 'Message Send Error',
    error: { type: 'iMessage Error', message: '[500] Message sent with an error. See attached message' },
  })
  mac.network.quirks.losesFailedRow = false
  mac.people.set(ada, { ...behaviour, failsFirst: 0, throttledFirst: 0, exists: true, onImessage: true })
  expect((await text('Hi')).status).toBe(200)
  await mac.quiet()
  expect(told().slice(0, 2)).toEqual([
    ['new-message', 'temp-5', false, code],
    ['new-message', null, false, code],
  ])
  expect(mac.network.person(ada).received.length).toBe(1)
})

test('a version that keeps the failed row sends it along', async () => {
  mac.network.quirks.losesFailedRow = false
  mac.network.faults.nextSends({ kind: 'errorAtOnce', code: 22 })
  expect(await text('Hi', { tempGuid: 'temp-6' })).toMatchObject({
    status: 500,
    message: 'Message sent with an error. See attached message',
    error: { type: 'iMessage Error', message: 'Message failed to send!' },
    data: { error: 22, text: 'Hi', tempGuid: 'temp-6' },
  })
})

test('a file that is not taken is answered with 200, and has its error in the row', async () => {
  mac.people.set(ada, { refusesMedia: true })
  expect(await file({ name: 'a.jpg' })).toMatchObject({ status: 200, data: { error: 25 } })
  expect((await text('Hi')).status).toBe(200)
})

test('a failure after the answer is told to nobody, or as message-send-error where it is', async () => {
  const fate: SendFate = { kind: 'errorLater', code: 22, afterMs: 5 }
  mac.network.faults.nextSends(fate)
  const { guid } = (await text('Hi')).data
  await mac.quiet()
  expect(told()).toEqual([['new-message', null, false, 0]])
  expect((await mac.ask(`GET message/${guid}`)).data).toMatchObject({ error: 22, isDelivered: false })
  mac.heard.length = 0
  mac.network.faults.nextSends({ ...fate, isTold: true })
  await text('Hi again')
  await mac.quiet()
  expect(told()).toEqual([
    ['new-message', null, false, 0],
    ['message-send-error', null, false, 22],
  ])
  expect(mac.network.person(ada).received).toEqual([])
})

test('who never answers gets the message all the same, and an answer that is lost was given', async () => {
  mac.people.set(ada, { neverAnswers: true })
  const gaveUp = AbortSignal.timeout(300)
  const body = JSON.stringify({ chatGuid, message: 'Hi', method: 'private-api' })
  const init = { body, headers: { 'content-type': 'application/json' }, signal: gaveUp }
  await expect(mac.fetch('POST message/text', init)).rejects.toThrow()
  mac.people.set(ada, { neverAnswers: false })
  mac.network.faults.loseNextAnswer()
  expect((await mac.ask('GET ping')).data).toBe('pong')
  await expect(mac.fetch('POST message/text', { ...init, signal: AbortSignal.timeout(300) })).rejects.toThrow()
  expect((await text('Hi')).status).toBe(200)
  await mac.quiet()
  expect(mac.network.person(ada).received.length).toBe(3)
})
