/** Files of customers: in by bytes or by URL, out as they came, in again from networks, and behind links that end. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Channel } from '../../src/model/channel.ts'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const person = '+14155550199' as Handle
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const codeIn = (body: unknown) => (body as { error: { code: string } }).error.code
const MB = 1024 * 1024

let gateway: TestGateway
let story: Story
let files: Server
let asked: string[]
let answers: Map<string, (request: IncomingMessage, response: ServerResponse) => void>
const urlOf = (name: string) => `http://127.0.0.1:${(files.address() as AddressInfo).port}/${name}`
beforeAll(async () => {
  gateway = await startTestGateway()
  files = createServer((request, response) => {
    const name = (request.url ?? '').slice(1)
    asked.push(name)
    const answer = answers.get(name)
    if (answer !== undefined) return answer(request, response)
    response.statusCode = 404
    response.end()
  })
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
})
beforeEach(async () => {
  asked = []
  answers = new Map()
  await gateway.advance(1_000)
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  await new Promise((resolve) => files.close(resolve))
  expect(gateway.errors).toEqual([])
})

const serves = (name: string, bytes: Uint8Array, headers: Record<string, string> = {}) =>
  answers.set(name, (_request, response) => response.writeHead(200, headers).end(bytes))
const send = (file: object, preference: Channel[] = ['whatsapp'], more: object = {}) =>
  story.send({ to: person, attachments: [file], routing: { preference, fallback: preference.length > 1 }, ...more })
const arrived = () => gateway.network.received().at(-1)?.attachments ?? []
const failed = async (id: string) => {
  await gateway.advance(1_000)
  const { status, errorCode, errorMessage } = await story.get(id)
  return [status, errorCode, errorMessage]
}

describe('out', () => {
  test('bytes in a request reach the other side as they are', async () => {
    const bytes = randomBytes(200_000)
    const id = await send({
      ...{ type: 'base64', data: bytes.toString('base64') },
      ...{ mimeType: 'application/pdf', filename: 'menu.pdf' },
    })
    await gateway.advance(1_000)
    expect(arrived()).toEqual([
      expect.objectContaining({ sha256: hashOf(bytes), bytes: 200_000, filename: 'menu.pdf', kind: 'document' }),
    ])
    const [file] = (await story.get(id)).attachments
    expect(Buffer.from(await (await fetch(file.downloadUrl)).arrayBuffer())).toEqual(bytes)
  })

  test('a URL is fetched once, whatever happens to the message afterwards', async () => {
    const bytes = randomBytes(50_000)
    serves('once.bin', bytes, { 'content-disposition': 'attachment; filename="once.bin"' })
    gateway.network.failNext({ kind: 'retryable', channel: 'whatsapp', times: 2 })
    const id = await send({ type: 'url', url: urlOf('once.bin') }, ['whatsapp', 'imessage'])
    await gateway.advance(3_000)
    await gateway.advance(15_000)
    await gateway.advance(1_000)
    expect((await story.get(id)).status).toBe('delivered')
    expect(arrived()[0]?.sha256).toBe(hashOf(bytes))
    expect(asked).toEqual(['once.bin'])
  })

  test('a campaign of many messages with one URL asks for it once', async () => {
    let release = () => {}
    answers.set('flyer.pdf', (_request, response) => {
      release = () => response.end('%PDF-1.4 flyer')
    })
    const url = urlOf('flyer.pdf')
    const ids: string[] = []
    for (let guest = 0; guest < 40; guest += 1)
      ids.push(
        await story.send({
          ...{ to: `+1415557${1_000 + guest}`, attachments: [{ type: 'url', url }] },
          routing: { preference: ['whatsapp'] },
        }),
      )
    await expect.poll(() => asked).toEqual(['flyer.pdf'])
    release()
    await gateway.advance(1_000)
    await gateway.advance(1_000)
    for (const id of ids) expect((await story.get(id)).status).toBe('delivered')
    expect(asked).toEqual(['flyer.pdf'])
    expect(arrived()).toMatchObject([{ filename: 'flyer.pdf', mimeType: 'application/pdf' }])
  })

  test('files of one customer that do not come leave room for everybody else', async () => {
    const waiting: ServerResponse[] = []
    let isSlow = true
    for (let file = 0; file < 30; file += 1)
      answers.set(`slow-${file}`, (_request, response) => {
        if (isSlow) waiting.push(response)
        else response.end('at once')
      })
    const ids: string[] = []
    for (let file = 0; file < 30; file += 1)
      ids.push(
        await story.send({
          ...{ to: `+1415558${1_000 + file}`, attachments: [{ type: 'url', url: urlOf(`slow-${file}`) }] },
          routing: { preference: ['whatsapp'] },
        }),
      )
    await expect.poll(() => waiting.length).toBe(16)
    const theirs = await tell(gateway, gateway.other)
    const text = { to: '+14155550198', content: { text: 'Quick' }, routing: { preference: ['whatsapp'] } }
    for (const one of [story, theirs]) {
      const other = await one.send(text)
      await expect.poll(async () => (await one.get(other)).status).toBe('sent')
    }
    expect(waiting.length).toBe(16)
    isSlow = false
    for (const response of waiting) response.end('at last')
    for (let second = 0; second < 3; second += 1) await gateway.advance(1_000)
    for (const id of ids) expect((await story.get(id)).status).toBe('delivered')
  })

  test('a server that compresses what nobody asked it to is understood', async () => {
    const bytes = Buffer.alloc(100_000, 'text ')
    serves('packed', gzipSync(bytes), { 'content-encoding': 'gzip' })
    await send({ type: 'url', url: urlOf('packed') })
    await gateway.advance(1_000)
    expect(arrived()[0]?.sha256).toBe(hashOf(bytes))
  })

  test.each([400, 401, 403, 404, 410])('a URL that answers %i fails the message at once', async (status) => {
    answers.set('no', (_request, response) => response.writeHead(status).end('no'))
    const id = await send({ type: 'url', url: urlOf('no') })
    expect(await failed(id)).toEqual(['failed', 'MEDIA_FETCH_FAILED', expect.stringContaining(String(status))])
    expect(await story.heard()).toEqual(['message.queued queued -', 'message.failed failed whatsapp'])
    expect(asked).toEqual(['no'])
  })

  test('a URL that answers 500 is asked again later, and the message goes out when it works', async () => {
    answers.set('later', (_request, response) => response.writeHead(500).end())
    const id = await send({ type: 'url', url: urlOf('later') })
    await gateway.advance(1_000)
    serves('later', Buffer.from('late'))
    await gateway.advance(6_000)
    await gateway.advance(1_000)
    expect((await story.get(id)).status).toBe('delivered')
    expect(asked).toEqual(['later', 'later'])
  })

  test('others are not kept waiting by a file that does not come', async () => {
    let release = () => {}
    answers.set('slow', (_request, response) => {
      release = () => response.end('at last')
    })
    const slow = await send({ type: 'url', url: urlOf('slow') })
    const other = await story.send({
      ...{ to: '+14155550198', content: { text: 'Quick' } },
      routing: { preference: ['whatsapp'] },
    })
    await expect.poll(() => asked).toEqual(['slow'])
    await expect.poll(async () => (await story.get(other)).status).toBe('sent')
    expect((await story.get(slow)).status).toBe('queued')
    release()
    await gateway.advance(1_000)
    expect((await story.get(slow)).status).toBe('delivered')
  })

  test('too large for one channel is told with its code, and the next one takes it', async () => {
    const bytes = Buffer.alloc(17 * MB, 7)
    serves('large.jpg', bytes, { 'content-type': 'image/jpeg' })
    const file = { type: 'url', url: urlOf('large.jpg'), mimeType: 'video/mp4' }
    const id = await send({ ...file, mimeType: 'application/zip' }, ['sms'])
    expect(await failed(id)).toEqual(['failed', 'MMS_MEDIA_TOO_LARGE', expect.stringContaining('17825792')])
    const fallen = await send({ ...file, mimeType: 'application/zip' }, ['sms', 'imessage'])
    await gateway.advance(1_000)
    expect(await story.get(fallen)).toMatchObject({
      ...{ status: 'delivered', channel: 'imessage', fallbackTriggered: true },
    })
    expect(arrived()[0]?.sha256).toBe(hashOf(bytes))
  })

  test('a body that says how large it will be is not even begun', async () => {
    answers.set('huge', (_request, response) => {
      response.writeHead(200, { 'content-length': String(10 * 1024 * MB) })
      response.write('x')
    })
    const id = await send({ type: 'url', url: urlOf('huge') })
    expect((await failed(id)).slice(0, 2)).toEqual(['failed', 'MEDIA_TOO_LARGE'])
  })

  test('an endless body is cut off, and the message fails', async () => {
    const piece = Buffer.alloc(MB)
    let sent = 0
    answers.set('endless', (_request, response) => {
      const more = () => {
        while (!response.destroyed) {
          sent += piece.length
          if (!response.write(piece)) return void response.once('drain', more)
        }
      }
      more()
    })
    const id = await send({ type: 'url', url: urlOf('endless') })
    await expect.poll(async () => (await story.get(id)).status, { timeout: 15_000 }).toBe('failed')
    expect((await story.get(id)).errorCode).toBe('MEDIA_TOO_LARGE')
    expect(sent).toBeLessThan(130 * MB)
  })

  test('compressed zeros without end are cut off where they would be too large', async () => {
    serves('bomb', gzipSync(Buffer.alloc(200 * MB)), { 'content-encoding': 'gzip' })
    const id = await send({ type: 'url', url: urlOf('bomb') })
    await expect.poll(async () => (await story.get(id)).status, { timeout: 15_000 }).toBe('failed')
    expect((await story.get(id)).errorCode).toBe('MEDIA_TOO_LARGE')
  })

  test('a file of a message that waits longer than files are kept is kept until then', async () => {
    const bytes = randomBytes(1_000)
    const scheduledAt = new Date(gateway.clock.now() + 20 * 86_400_000).toISOString()
    const id = await send({ type: 'base64', data: bytes.toString('base64') }, ['whatsapp'], { scheduledAt })
    for (let day = 0; day < 21; day += 1) await gateway.advance(86_400_000)
    await gateway.advance(60_000)
    expect(await story.get(id)).toMatchObject({ status: 'delivered' })
    expect(arrived()[0]?.sha256).toBe(hashOf(bytes))
  })
})

describe('in', () => {
  const says = async (attachments: object[]) => {
    gateway.network
      .as(person)
      .says(gateway.customer.line.address, 'whatsapp', null, { attachments: attachments as never })
    await gateway.advance(1_000)
    const told = (await story.told()).filter(({ type }) => type === 'message.inbound')
    return told.at(-1)?.data
  }

  test('a file is kept at once and told with a link that works for an hour and needs no key', async () => {
    const bytes = randomBytes(30_000)
    const { attachments, messageId } = await says([{ mimeType: 'application/pdf', filename: 'Größe.pdf', data: bytes }])
    expect(attachments).toEqual([
      { mimeType: 'application/pdf', filename: 'Größe.pdf', totalBytes: 30_000, downloadUrl: expect.any(String) },
    ])
    const { downloadUrl } = attachments[0]
    const answer = await fetch(downloadUrl)
    expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([
      200,
      expect.objectContaining({
        'accept-ranges': 'bytes',
        'content-type': 'application/pdf',
        'content-length': '30000',
        'content-disposition': `attachment; filename="Gr__e.pdf"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf`,
        'content-security-policy': "sandbox; default-src 'none'",
        'x-content-type-options': 'nosniff',
        etag: `"${hashOf(bytes)}"`,
      }),
    ])
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes)
    await gateway.advance(3_500_000)
    expect((await fetch(downloadUrl)).status).toBe(200)
    await gateway.advance(100_000)
    const over = await fetch(downloadUrl)
    expect([over.status, codeIn(await over.json())]).toEqual([403, 'URL_EXPIRED'])
    const fresh = (await story.get(messageId)).attachments[0].downloadUrl
    expect((await fetch(fresh)).status).toBe(200)
  })

  test('in parts, by head, and by what the caller has already', async () => {
    const bytes = randomBytes(10_000)
    const { attachments } = await says([{ mimeType: 'audio/mpeg', data: bytes }])
    const ask = async (headers: Record<string, string>, method = 'GET') => {
      const answer = await fetch(attachments[0].downloadUrl, { method, headers })
      const body = Buffer.from(await answer.arrayBuffer())
      return {
        status: answer.status,
        range: answer.headers.get('content-range'),
        length: answer.headers.get('content-length'),
        body,
      }
    }
    expect(await ask({ range: 'bytes=100-199' })).toEqual({
      ...{ status: 206, range: 'bytes 100-199/10000', length: '100' },
      body: bytes.subarray(100, 200),
    })
    expect(await ask({ range: 'bytes=-1' })).toMatchObject({ status: 206, body: bytes.subarray(9_999) })
    expect(await ask({ range: 'bytes=10000-' })).toMatchObject({ status: 416, range: 'bytes */10000' })
    expect(await ask({}, 'HEAD')).toMatchObject({ status: 200, length: '10000', body: Buffer.alloc(0) })
    expect(await ask({ range: 'bytes=0-9' }, 'HEAD')).toMatchObject({ status: 206, length: '10' })
    expect(await ask({ 'if-none-match': `"${hashOf(bytes)}"` })).toMatchObject({ status: 304, body: Buffer.alloc(0) })
    expect(await ask({ range: 'bytes=0-9', 'if-range': '"old"' })).toMatchObject({ status: 200, body: bytes })
    const post = await fetch(attachments[0].downloadUrl, { method: 'POST' })
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('what the network cannot hand over is told with a note, and the message all the same', async () => {
    const data = await says([
      { mimeType: 'image/png', filename: 'gone.png', data: null },
      { mimeType: 'image/png', data: Buffer.from('here') },
    ])
    expect(data.attachments).toEqual([
      { mimeType: 'image/png', filename: 'gone.png', totalBytes: null, note: expect.stringMatching(/network/) },
      { mimeType: 'application/octet-stream', totalBytes: 4, downloadUrl: expect.any(String) },
    ])
    expect((await story.get(data.messageId)).attachments).toMatchObject([
      { note: expect.any(String) },
      { totalBytes: 4 },
    ])
    expect(await story.heard()).toEqual(['message.inbound received whatsapp'])
  })

  test('a link to the file of somebody else, or of nobody, opens nothing', async () => {
    const { attachments } = await says([{ mimeType: 'text/plain', data: Buffer.from('mine') }])
    const { downloadUrl } = attachments[0]
    const codeOf = async (url: string) => {
      const answer = await fetch(url)
      return [answer.status, codeIn(await answer.json())]
    }
    expect(await codeOf(`${downloadUrl}x`)).toEqual([403, 'INVALID_SIGNATURE'])
    expect(await codeOf(`${gateway.url}/v1/attachments/nothing`)).toEqual([403, 'INVALID_SIGNATURE'])
    const hash = hashOf(Buffer.from('mine'))
    const file = { customerId: gateway.other.id, hash, mimeType: 'text/plain', filename: null }
    const forOther = gateway.gateway.media.linkTo(file, gateway.clock.now() + 1_000)
    expect(await codeOf(forOther)).toEqual([404, 'NOT_FOUND'])
  })

  test('files are gone when their time is over, and the same file may come again', async () => {
    const data = Buffer.from('for a week')
    const first = await says([{ mimeType: 'text/plain', data }])
    const places = async () => {
      const stream = await gateway.media.storage.open(
        `${gateway.customer.id}/${hashOf(data).slice(0, 2)}/${hashOf(data)}`,
        null,
      )
      stream?.destroy()
      return stream !== null
    }
    expect(await places()).toBe(true)
    for (let day = 0; day < 8; day += 1) await gateway.advance(86_400_000)
    // Housekeeping may have been at work when the last day went by: it looks again when time passes.
    await until(async () => {
      await gateway.advance(60_000)
      return !(await places())
    }, 'the file to be removed')
    const { downloadUrl } = (await story.get(first.messageId)).attachments[0]
    expect((await fetch(downloadUrl)).status).toBe(404)
    const again = await says([{ mimeType: 'text/plain', data }])
    expect(await (await fetch(again.attachments[0].downloadUrl)).text()).toBe('for a week')
  })
})
