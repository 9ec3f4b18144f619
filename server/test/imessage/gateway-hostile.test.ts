/** What callers send to lead the Mac astray, what a Mac may hold that nobody expects, and who calls at the Mac's door. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { until } from '../support/gateway.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

let scene: Scene
let story: ImessageStory
let ada: Person
/** What the Mac says of rows besides what is so, by their guids. */
const oddities = new Map<string, object>()
let between: Server
beforeAll(async () => {
  scene = await openScene({ between: openBetween })
  ada = scene.somebody('Ada')
})
afterAll(async () => {
  await scene.stop()
  await new Promise((resolve) => {
    between.close(resolve)
    between.closeAllConnections()
  })
  expect(scene.gateway.errors).toEqual([])
  expect(scene.network.breaches).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

/** A Mac that says odd things: what is asked goes on to the one behind it. */
async function openBetween(mac: string): Promise<string> {
  between = createServer((request, response) => {
    passOn(mac, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(between.address() as AddressInfo).port}`
}

async function passOn(mac: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await request.toArray())
  const { 'content-type': type } = request.headers
  const answer = await fetch(`${mac}${request.url}`, {
    method: request.method ?? 'GET',
    ...(type !== undefined && { headers: { 'content-type': type } }),
    ...(body.length > 0 && { body }),
  })
  const contentType = answer.headers.get('content-type') ?? ''
  const bytes = Buffer.from(await answer.arrayBuffer())
  const isJson = contentType.includes('json')
  response.writeHead(answer.status, { 'content-type': contentType })
  response.end(isJson ? JSON.stringify(JSON.parse(bytes.toString(), (_, value) => odd(value))) : bytes)
}

function odd(value: unknown): unknown {
  const guid = typeof value === 'object' && value !== null && 'guid' in value ? String(value.guid) : ''
  return oddities.has(guid) ? Object.assign(value as object, oddities.get(guid)) : value
}

const wordless = ['message.queued null', 'message.sent imessage', 'message.delivered imessage']
const pdf = Buffer.from('%PDF-1.4 menu').toString('base64')
const enclosed = (filename: string) => ({ type: 'base64', data: pdf, mimeType: 'application/pdf', filename })

describe('from callers', () => {
  test.each([
    ['menu.pdf', 'menu.pdf'],
    ['../../../etc/passwd', 'passwd.pdf'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['/Users/ada/Library/a.pdf', 'a.pdf'],
    ['a"; rm -rf ~; ".pdf', 'a_ rm -rf _ _.pdf'],
    ["it's `whoami` $(id).mp3", 'it_s _whoami_ _id_.mp3'],
    ['new\nline\r\n.pdf', 'new_line_.pdf'],
    ['\u202Efdp.exe', 'fdp.exe'],
    ['.hidden.pdf', 'hidden.pdf'],
    ['-rf.pdf', 'rf.pdf'],
    ['...', 'file.pdf'],
    ['naïve Ünïcode 🙂.pdf', 'naive Unicode _.pdf'],
    [`${'x'.repeat(251)}.pdf`, `${'x'.repeat(96)}.pdf`],
  ])('a file called %j is called %j on the Mac', async (filename, expected) => {
    await story.writes(ada, null, { attachments: [enclosed(filename)] })
    await story.hears(...wordless)
    expect(ada.received.at(-1)?.files.map(({ name }) => name)).toEqual([expected])
    expect(scene.network.breaches).toEqual([])
  })

  test.each(['', 'x'.repeat(4_000), 'null\u0000byte.pdf'])('a file is not called %j', async (filename) => {
    const message = { to: ada.address, from: scene.line.address, attachments: [enclosed(filename)] }
    const answer = await story.call('POST', '/v1/messages', message)
    expect([answer.status, answer.body.error.code]).toEqual([400, 'VALIDATION_ERROR'])
  })

  test('files of one message that would be called alike are told apart', async () => {
    await story.writes(ada, null, { attachments: ['../a.pdf', '/tmp/a.pdf', 'A.pdf'].map(enclosed) })
    await story.hears(...wordless)
    expect(ada.received.at(-1)?.files.map(({ name }) => name)).toEqual(['a.pdf', 'a 2.pdf', 'A 3.pdf'])
  })

  test.each([
    '"; do shell script "rm -rf ~" --',
    "$(id) `whoami` $HOME \\n %s ' \\",
    'a\u202Eb\u200Fc\u2066d',
    `${'long '.repeat(1_999)}end`,
  ])('a text arrives as it is: %j', async (text) => {
    await story.writes(ada, text)
    await story.hears(...out(text))
    expect(ada.received.at(-1)?.text).toBe(text)
  })
})

describe('from the Mac', () => {
  test('rows that make no sense do no harm, and what comes after them is told', async () => {
    const rows: object[] = [
      ...[{ text: 42 }, { text: { not: 'a text' } }, { text: null }, { attributedBody: 'x' }],
      ...[{ handle: null }, { handle: 'Ada' }, { handle: { address: 12 } }, { handle: { address: '' } }],
      ...[{ chats: null }, { chats: 'one' }, { chats: [{}] }, { chats: [{ guid: 5 }] }, { chats: [null] }],
      ...[{ dateCreated: null }, { dateCreated: 'yesterday' }, { dateCreated: 1e300 }, { dateEdited: -1 }],
      ...[{ guid: null }, { guid: 17 }, { guid: '' }, { originalROWID: null }, { originalROWID: 'first' }],
      ...[{ error: 'many' }, { isFromMe: 'yes' }, { itemType: 99 }, { itemType: 1, otherHandle: 'nobody' }],
      ...[
        { itemType: 1, otherHandle: 99_999 },
        { itemType: 2, groupTitle: {} },
        { itemType: 3, groupActionType: -1 },
      ],
      ...[{ attachments: {} }, { attachments: [null, 1, { guid: 5 }] }, { attachments: 'none', partCount: 1e9 }],
      ...[{ associatedMessageGuid: 'p:0/nobody', associatedMessageType: '2006' }, { associatedMessageType: 2_001 }],
      ...[{ threadOriginatorGuid: 'nobody' }, { threadOriginatorGuid: {} }, { expressiveSendStyleId: 12 }],
      ...[
        { messageSummaryInfo: 3, dateEdited: Date.now(), partCount: 0 },
        { dateRead: 'now', dateDelivered: {} },
      ],
    ]
    for (const fields of rows) oddities.set(ada.says('odd'), fields)
    ada.says('Still here')
    await until(async () => {
      await scene.gateway.pass(1_000)
      return (await story.heard()).at(-1) === 'message.inbound Ada: Still here'
    }, 'what comes after them')
    const known = /^message\.inbound Ada: (odd|\[unsupported message\]|Still here)$/
    expect((await story.heard()).filter((line) => !known.test(line))).toEqual([])
    expect((await scene.health()).healthStatus).toBe('healthy')
  })

  test('huge texts, control characters and names with slashes come as what they are', async () => {
    const text = `${'wide '.repeat(20_000)}\u0007\u001b[31m`
    ada.says(text)
    await expect.poll(async () => (await story.heard()).length).toBe(1)
    const inbound = await story.last('message.inbound')
    expect(inbound.text.length).toBeGreaterThan(1_000)
    expect(text.startsWith(inbound.text.slice(0, 1_000))).toBe(true)
    story = await scene.begin()
    const bytes = Buffer.from('no picture')
    const guid = ada.sends({ name: 'page.html', bytes }, { caption: 'Nul\u0000l' })
    const row = scene.network.messages().find((one) => one.guid === guid)
    const oddity = { transferName: '../../etc/passwd', mimeType: 'text/html\r\nx-evil: 1' }
    oddities.set(row?.attachments[0]?.guid ?? '', oddity)
    await expect.poll(async () => (await story.heard()).length).toBe(1)
    const [file] = (await story.last('message.inbound')).attachments
    expect(file.filename).toBe('passwd')
    const fetched = await fetch(file.downloadUrl)
    expect([fetched.status, fetched.headers.get('x-evil')]).toEqual([200, null])
    expect(fetched.headers.get('content-type')).not.toContain('text/html')
    expect(Buffer.from(await fetched.arrayBuffer())).toEqual(bytes)
  })
})

describe('at the door', () => {
  const door = () => new URL(scene.network.webhooks()[0]?.url ?? '')
  const post = (body: string | Uint8Array<ArrayBuffer>, url = door()) =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const changed = (change: (path: string) => string) => {
    const url = door()
    url.pathname = change(url.pathname)
    return url
  }

  test('nobody is heard without the address, or in another way', async () => {
    const call = JSON.stringify({ type: 'hello-world', data: null })
    expect(
      (
        await post(
          call,
          changed((path) => path.slice(0, -1)),
        )
      ).status,
    ).toBe(404)
    expect(
      (
        await post(
          call,
          changed((path) => path.replace(/event-[^/]+$/, 'event')),
        )
      ).status,
    ).toBe(404)
    expect(
      (
        await post(
          call,
          changed((path) => path.replace('/imessage/', '/sms/')),
        )
      ).status,
    ).toBe(404)
    expect((await fetch(door())).status).toBe(405)
    for (const body of ['', '{', 'null', '[]', '"text"', '{"type":1}', '{"type":"new-message","data":"x"}'])
      expect((await post(body)).status).toBe(200)
    expect((await post(new Uint8Array(2 << 20))).status).toBe(413)
    expect((await post(new Uint8Array(9 << 20))).status).toBe(413)
    expect(door().pathname).not.toContain(scene.network.password)
    await story.hears()
  })

  test('whoever has the address can make us look, and not make us tell what is not there', async () => {
    const id = await story.writes(ada, 'Genuine')
    await story.hears(...out('Genuine'))
    const guid = ada.received.at(-1)?.guid
    const forged = {
      ...{ guid: 'FORGED-1', text: 'Send me money', isFromMe: false, handle: { address: ada.address } },
      ...{ chats: [{ guid: `iMessage;-;${ada.address}` }], dateCreated: Date.now(), itemType: 0, attachments: [] },
    }
    const calls = [
      { type: 'new-message', data: forged },
      {
        type: 'updated-message',
        data: { ...forged, guid, isFromMe: true, dateRead: Date.now(), dateEdited: Date.now() },
      },
      { type: 'updated-message', data: { guid: 'FORGED-1' } },
      { type: 'updated-message', data: { guid: '../../chat/query' } },
      { type: 'message-send-error', data: { ...forged, guid, error: 22 } },
      { type: 'group-name-change', data: { ...forged, itemType: 2, groupTitle: 'Mine' } },
      { type: 'participant-removed', data: { ...forged, itemType: 1 } },
      { type: 'chat-read-status-changed', data: { chatGuid: `iMessage;-;${ada.address}`, read: true } },
      { type: 'typing-indicator', data: { display: true, guid: `iMessage;-;${ada.address}` } },
      { type: 'imessage-aliases-removed', data: { aliases: [scene.line.address] } },
      { type: 'hello-world', data: null },
    ]
    for (const call of calls) expect((await post(JSON.stringify(call))).status).toBe(200)
    await story.hears(...out('Genuine'))
    expect((await story.get(id)).status).toBe('delivered')
    expect((await scene.health()).healthStatus).toBe('healthy')
  })
})
