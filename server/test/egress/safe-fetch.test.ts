/** The way out over real sockets: what gets there, what comes back, and that nothing is left behind however it ends. */
import { getEventListeners } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  createSafeFetch,
  type EgressRequest,
  type SafeFetch,
  type SafeFetchOptions,
} from '../../src/lib/egress/safe-fetch.ts'
import { EgressError } from '../../src/lib/egress/trouble.ts'
import { until } from '../support/gateway.ts'
import { createHandClock, type HandClock } from '../support/hand-clock.ts'
import { type Certificate, issueCertificate } from './certificates.ts'
import { httpReceiver, httpsReceiver, isLeft, rawReceiver } from './receivers.ts'
import type { Answer } from './vectors.ts'

const here: Answer = { address: '127.0.0.1', family: 4 }

let certificate: Certificate
let clock: HandClock
let made: SafeFetch[]

beforeAll(async () => {
  certificate = await issueCertificate(['DNS:hooks.example.com', 'IP:127.0.0.1'])
})

beforeEach(() => {
  clock = createHandClock()
  made = []
})

afterEach(async () => {
  for (const egress of made) await egress.close()
  expect(clock.sleepers, 'timers that were left behind').toBe(0)
})

function create(options: Partial<SafeFetchOptions> = {}): SafeFetch {
  const egress = createSafeFetch({
    clock,
    policy: 'loopback',
    own: () => [],
    resolve: async () => [here],
    ca: certificate.cert,
    ...options,
  })
  made.push(egress)
  return egress
}

function to(url: string, changes: Partial<EgressRequest> = {}): EgressRequest {
  const usual = { headers: {}, body: null, timeoutMs: 30_000, responseBytesMax: 16_384, redirectsMax: 0 }
  return { method: 'GET', url, ...usual, ...changes }
}

const at = (port: number, path = '/') => `http://127.0.0.1:${port}${path}`
const securely = (port: number) => `https://hooks.example.com:${port}/`

async function troubleOf(work: Promise<unknown>): Promise<EgressError> {
  const error = await work.then(
    () => new Error('It went well.'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(EgressError)
  const trouble = error as EgressError
  expect(trouble.message, 'what a customer may read').not.toMatch(/\d+\.\d+\.\d+\.\d+|::|E[A-Z]{4,}|undici|socket/)
  return trouble
}

const closeOf = (body: Readable) => new Promise((resolve) => body.once('close', resolve))

async function bodyOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

describe('a request', () => {
  test('arrives as it was meant, but for what belongs to the connection', async () => {
    const seen: { request: IncomingMessage; body: string }[] = []
    const receiver = await httpReceiver(async (request, response) => {
      seen.push({ request, body: (await bodyOf(request)).toString() })
      response.writeHead(201, { 'X-Many': ['a', 'b'], 'X-One': 'c' }).end('thanks')
    })
    const headers = {
      'Content-Type': 'application/json',
      'X-Own': 'yes',
      Host: 'inside.example.com',
      'Content-Length': '3',
      Connection: 'upgrade',
      'Transfer-Encoding': 'chunked',
      'Accept-Encoding': 'gzip',
    }
    const body = Buffer.from('{"a":"é"}')
    const reply = await create().request(to(at(receiver.port, '/a/b?c=d'), { method: 'POST', headers, body }))
    expect(reply).toMatchObject({ status: 201, truncated: false, url: at(receiver.port, '/a/b?c=d') })
    expect(reply.headers).toMatchObject({ 'x-many': 'a, b', 'x-one': 'c' })
    expect(reply.body.toString()).toBe('thanks')
    expect(seen.map(({ request, body: text }) => [request.method, request.url, text])).toEqual([
      ['POST', '/a/b?c=d', '{"a":"é"}'],
    ])
    expect(seen[0]?.request.headers).toEqual({
      host: `127.0.0.1:${receiver.port}`,
      connection: 'keep-alive',
      'content-type': 'application/json',
      'content-length': '10',
      'x-own': 'yes',
    })
  })

  test('that follows another uses its connection', async () => {
    const receiver = await httpReceiver((_, response) => response.end('ok'))
    const egress = create()
    for (let count = 0; count < 5; count++) await egress.request(to(at(receiver.port)))
    const stream = await egress.open(to(at(receiver.port)))
    await bodyOf(stream.body)
    await egress.request(to(at(receiver.port)))
    expect(receiver.connections()).toBe(1)
  })

  test('takes no harm when the receiver closes the connection between two requests', async () => {
    const receiver = await httpReceiver((_, response) => response.end('ok'))
    const egress = create()
    for (let count = 1; count <= 20; count++) {
      const { body } = await egress.request(to(at(receiver.port), { method: 'POST', body: Buffer.from('a') }))
      expect([body.toString(), receiver.connections()]).toEqual(['ok', count])
      await new Promise((next) => setImmediate(next))
      // The news of it lies there unread when the next request begins.
      receiver.hangUp()
    }
  })

  test('waits for its turn when 512 others are under way to the same place, and gets it', async () => {
    const waiting: (() => void)[] = []
    const receiver = await httpReceiver((_, response) => void waiting.push(() => response.end('ok')))
    const egress = create()
    const replies = Array.from({ length: 600 }, () => egress.request(to(at(receiver.port))))
    const stop = new AbortController()
    const givenUp = troubleOf(egress.request(to(at(receiver.port), { signal: stop.signal })))
    await until(async () => waiting.length === 512, '512 requests to arrive')
    stop.abort()
    expect((await givenUp).trouble).toBe('aborted')
    let answered = 0
    for (const reply of replies) void reply.then(() => (answered += 1))
    await until(async () => {
      for (const answer of waiting.splice(0)) answer()
      return answered === 600
    }, 'all to be answered')
    expect(receiver.connections()).toBe(512)
  })

  test('takes the place of one that failed, before or after it was connected', async () => {
    const receiver = await rawReceiver((socket) => void socket.destroy())
    const egress = create()
    const storm = async () => {
      const requests = Array.from({ length: 200 }, () => troubleOf(egress.request(to(at(receiver.port)))))
      return new Set((await Promise.all(requests)).map(({ trouble }) => trouble))
    }
    expect(await storm()).toEqual(new Set(['reset']))
    expect(receiver.connections()).toBe(200)
    await receiver.close()
    expect(await storm()).toEqual(new Set(['connect']))
  })

  test('leaves nothing on the signal it was given, however it ends', async () => {
    const receiver = await httpReceiver((request, response) => {
      if (request.url === '/reset') request.socket.destroy()
      else response.end('ok')
    })
    const egress = create()
    const { signal } = new AbortController()
    await egress.request(to(at(receiver.port), { signal }))
    await troubleOf(egress.request(to(at(receiver.port, '/reset'), { signal })))
    await troubleOf(egress.request(to('https://10.0.0.1/', { signal })))
    await troubleOf(egress.open(to(at(receiver.port), { signal, responseBytesMax: 1 })))
    const stream = await egress.open(to(at(receiver.port), { signal }))
    await bodyOf(stream.body)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('lets go of a connection that nobody needs any more', async () => {
    const receiver = await httpReceiver((_, response) => response.end('ok'))
    await create().request(to(at(receiver.port)))
    expect(receiver.open()).toBe(1)
    await isLeft(receiver)
  })

  test('with a header that no request can have is not sent', async () => {
    const receiver = await httpReceiver((_, response) => response.end('ok'))
    const wrong: Record<string, string>[] = [{ 'X-A': 'a\r\nX-B: b' }, { 'X A': 'a' }, { 'X-A': '\u0000' }]
    for (const headers of wrong) {
      expect((await troubleOf(create().request(to(at(receiver.port), { headers })))).trouble).toBe('protocol')
    }
    await isLeft(receiver)
    expect(receiver.bytes()).toBe(0)
  })
})

describe('TLS', () => {
  test('greets with the name, and is verified for it', async () => {
    const seen: unknown[] = []
    const receiver = await httpsReceiver(certificate, (request, response) => {
      const { servername, alpnProtocol } = request.socket as TLSSocket & { servername: string }
      seen.push([servername, alpnProtocol, request.headers.host])
      response.end('ok')
    })
    await create().request(to(securely(receiver.port)))
    expect(seen).toEqual([['hooks.example.com', 'http/1.1', `hooks.example.com:${receiver.port}`]])
  })

  test('to an address is verified for the address', async () => {
    const receiver = await httpsReceiver(certificate, (_, response) => response.end('ok'))
    const { status } = await create().request(to(`https://127.0.0.1:${receiver.port}/`))
    expect(status).toBe(200)
  })

  test.each([
    ['of an unknown authority', { ca: undefined }, 'hooks.example.com', /self-signed/],
    ['for another name', {}, 'other.example.com', /another host name/],
  ])('with a certificate %s is not used', async (_, options, host, words) => {
    const receiver = await httpsReceiver(certificate, (_request, response) => response.end('ok'))
    const { trouble, message } = await troubleOf(create(options).request(to(`https://${host}:${receiver.port}/`)))
    expect(trouble).toBe('tls')
    expect(message).toMatch(words)
    await isLeft(receiver)
  })

  test('where nobody speaks it', async () => {
    const receiver = await httpReceiver((_, response) => response.end('ok'))
    expect((await troubleOf(create().request(to(securely(receiver.port))))).trouble).toBe('tls')
    const closing = await rawReceiver((socket) => void socket.destroy())
    expect((await troubleOf(create().request(to(securely(closing.port))))).trouble).toBe('tls')
    await isLeft(receiver)
  })
})

describe('a redirect', () => {
  const redirecting =
    (status: number, location: string): RequestListener =>
    (_, response) =>
      void response.writeHead(status, { location }).end('elsewhere')

  test('is a response when none is to be followed', async () => {
    const receiver = await httpReceiver(redirecting(302, '/other'))
    const reply = await create().request(to(at(receiver.port)))
    expect([reply.status, reply.headers.location, reply.body.toString()]).toEqual([302, '/other', 'elsewhere'])
  })

  test('elsewhere is followed without anything that was given for the first place', async () => {
    const seen: IncomingMessage['headers'][] = []
    const end = await httpReceiver((request, response) => {
      seen.push(request.headers)
      response.end('there')
    })
    const start = await httpReceiver((request, response) => {
      seen.push(request.headers)
      const location = request.url === '/' ? '/again' : at(end.port, '/end')
      response.writeHead(302, { location }).end()
    })
    const headers = { Authorization: 'secret', Cookie: 'a=b', 'X-Own': 'c' }
    const request = to(at(start.port), { headers, redirectsMax: 3 })
    const reply = await create().request(request)
    expect([reply.body.toString(), reply.url]).toEqual(['there', at(end.port, '/end')])
    const stream = await create().open(request)
    expect([(await bodyOf(stream.body)).toString(), stream.url]).toEqual(['there', at(end.port, '/end')])
    const first = { authorization: 'secret', cookie: 'a=b', 'x-own': 'c', host: `127.0.0.1:${start.port}` }
    const last = { host: `127.0.0.1:${end.port}`, connection: 'keep-alive' }
    expect(seen.map(({ connection: _, ...rest }) => rest)).toEqual([
      first,
      first,
      { host: last.host },
      first,
      first,
      { host: last.host },
    ])
  })

  test('to a private address, or to ourselves, is not followed', async () => {
    const ours = await httpReceiver((_, response) => response.end('secret'))
    for (const location of ['https://10.0.0.1/', 'http://169.254.169.254/', at(ours.port), 'ftp://example.com/']) {
      const receiver = await httpReceiver(redirecting(302, location))
      const egress = create({ own: () => [{ host: '127.0.0.1', port: ours.port }] })
      expect((await troubleOf(egress.request(to(at(receiver.port), { redirectsMax: 3 })))).trouble).toBe('refused')
      expect((await troubleOf(egress.open(to(at(receiver.port), { redirectsMax: 3 })))).trouble).toBe('refused')
    }
    expect(ours.connections()).toBe(0)
  })

  test('is followed as often as it was said', async () => {
    const receiver = await httpReceiver((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left > 0) response.writeHead(307, { location: `/${left - 1}` })
      response.end('end')
    })
    const egress = create()
    expect((await egress.request(to(at(receiver.port, '/3'), { redirectsMax: 3 }))).body.toString()).toBe('end')
    expect((await troubleOf(egress.request(to(at(receiver.port, '/4'), { redirectsMax: 3 })))).trouble).toBe('protocol')
    expect((await troubleOf(egress.open(to(at(receiver.port, '/4'), { redirectsMax: 3 })))).trouble).toBe('protocol')
  })
})

describe('a response', () => {
  const endless: RequestListener = (_, response) => {
    const chunk = Buffer.alloc(65_536, 'a')
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  }

  test('that fits exactly is whole; with one byte more it is cut', async () => {
    const receiver = await httpReceiver((_, response) => response.end('0123456789'))
    const egress = create()
    const whole = await egress.request(to(at(receiver.port), { responseBytesMax: 10 }))
    expect([whole.body.toString(), whole.truncated]).toEqual(['0123456789', false])
    const cut = await egress.request(to(at(receiver.port), { responseBytesMax: 9 }))
    expect([cut.body.toString(), cut.truncated]).toEqual(['012345678', true])
    const none = await egress.request(to(at(receiver.port), { responseBytesMax: 0 }))
    expect([none.body.length, none.truncated]).toEqual([0, true])
    await isLeft(receiver)
  })

  test('without an end is cut, its connection closed, and memory stays flat', async () => {
    const receiver = await httpReceiver(endless)
    const egress = create()
    await egress.request(to(at(receiver.port)))
    const before = process.memoryUsage().rss
    for (let count = 0; count < 200; count++) {
      const reply = await egress.request(to(at(receiver.port)))
      expect([reply.body.length, reply.truncated]).toEqual([16_384, true])
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
    await isLeft(receiver)
  })

  test('that drips is waited for until the time is over', async () => {
    let drops = 0
    const receiver = await rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n')
      const drip = () => {
        drops += 1
        if (!socket.destroyed) socket.write('a', () => setImmediate(drip))
      }
      drip()
    })
    const reply = troubleOf(create().request(to(at(receiver.port))))
    await until(async () => drops > 100, 'a hundred drops')
    await clock.advance(29_999)
    expect(receiver.open()).toBe(1)
    await clock.advance(1)
    expect(await reply).toMatchObject({
      trouble: 'timeout',
      message: 'The response was not complete within 30 s. Make the destination answer sooner.',
    })
    await isLeft(receiver)
  })

  test('that never begins is waited for until the time is over', async () => {
    const receiver = await rawReceiver(() => {})
    const reply = troubleOf(create().request(to(at(receiver.port), { method: 'POST', body: Buffer.alloc(100) })))
    await until(async () => receiver.bytes() > 100, 'the request to arrive')
    await clock.advance(30_000)
    expect((await reply).trouble).toBe('timeout')
    await isLeft(receiver)
  })

  test('is not unpacked', async () => {
    const packed = gzipSync('hello')
    const receiver = await httpReceiver((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed)
    })
    expect((await create().request(to(at(receiver.port)))).body).toEqual(packed)
  })

  test('to HEAD has no body, whatever length it tells', async () => {
    const receiver = await httpReceiver((_, response) => response.writeHead(200, { 'content-length': '99999' }).end())
    const reply = await create().request(to(at(receiver.port), { method: 'HEAD' }))
    expect([reply.status, reply.body.length, reply.headers['content-length']]).toEqual([200, 0, '99999'])
    const stream = await create().open(to(at(receiver.port), { method: 'HEAD', responseBytesMax: 10 }))
    expect((await bodyOf(stream.body)).length).toBe(0)
  })

  const large = 'a'.repeat(17_000)
  test.each([
    ['with one large header', `HTTP/1.1 200 OK\r\nX-A: ${large}\r\n\r\n`, 'protocol'],
    ['with headers without end', `HTTP/1.1 200 OK\r\n${'X-A: bcdefgh\r\n'.repeat(5_000)}`, 'protocol'],
    [
      'with large trailers',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ${large}\r\n\r\n`,
      'protocol',
    ],
    ['that is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'protocol'],
    ['that is of another protocol', '220 mail.example.com ESMTP\r\n', 'protocol'],
    ['that changes the protocol', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n', 'protocol'],
    ['with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'reset'],
    [
      'with a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'reset',
    ],
    ['with a chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 'protocol'],
    ['that ends before its headers', 'HTTP/1.1 200 OK\r\nContent-Le', 'reset'],
    ['that ends within its body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'reset'],
    ['that ends within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc', 'reset'],
    [
      'that ends within its body, as announced',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\na',
      'reset',
    ],
    ['that is empty', '', 'reset'],
  ])('%s', async (_, text, trouble) => {
    const receiver = await rawReceiver((socket) => void socket.end(text))
    const egress = create()
    expect((await troubleOf(egress.request(to(at(receiver.port))))).trouble).toBe(trouble)
    const opened = egress.open(to(at(receiver.port))).then(({ body }) => bodyOf(body))
    expect((await troubleOf(opened)).trouble).toBe(trouble)
    await isLeft(receiver)
  })

  test.each([
    ['before its headers', ''],
    ['within its body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
  ])('whose connection is reset %s', async (_, text) => {
    const receiver = await rawReceiver((socket) => {
      if (text === '') socket.resetAndDestroy()
      else socket.write(text, () => socket.resetAndDestroy())
    })
    expect((await troubleOf(create().request(to(at(receiver.port))))).trouble).toBe('reset')
    await isLeft(receiver)
  })

  test('may have others before it that are none yet', async () => {
    const receiver = await rawReceiver((socket) => {
      const hint = 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'
      socket.write(`${hint.repeat(5)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`)
    })
    const reply = await create().request(to(at(receiver.port)))
    expect([reply.status, reply.headers.link, reply.body.toString()]).toEqual([200, undefined, 'ok'])
  })

  test('that answers before it is asked is not taken for the answer to the next request', async () => {
    const receiver = await rawReceiver((socket) => {
      const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
      socket.write(`${ok}first${ok}wrong`)
    })
    const egress = create()
    expect((await egress.request(to(at(receiver.port)))).body.toString()).toBe('first')
    expect((await egress.request(to(at(receiver.port)))).body.toString()).toBe('first')
    expect(receiver.connections()).toBe(2)
  })
})

describe('a stream', () => {
  test('comes at the pace of its reader', async () => {
    let sent = 0
    const receiver = await httpReceiver((_, response) => {
      const send = () => {
        sent += 1
        return response.write(Buffer.alloc(65_536))
      }
      const more = () => {
        while (!response.destroyed && sent < 1_000 && send());
        if (sent >= 1_000) response.end()
        else if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    const { body } = await create().open(to(at(receiver.port), { responseBytesMax: 100_000_000 }))
    let still = -1
    await until(async () => {
      const isStill = still === sent
      still = sent
      return isStill && sent > 0
    }, 'the receiver to wait')
    expect(sent).toBeLessThan(500)
    expect(body.readableLength).toBeLessThan(1_000_000)
    let bytes = 0
    for await (const chunk of body) bytes += (chunk as Buffer).length
    expect([sent, bytes]).toEqual([1_000, 65_536_000])
  })

  test('that is announced to be too large is not begun', async () => {
    const receiver = await httpReceiver((_, response) => response.end('0123456789'))
    const trouble = await troubleOf(create().open(to(at(receiver.port), { responseBytesMax: 9 })))
    expect(trouble).toMatchObject({ trouble: 'protocol', message: 'The response is too large. Send at most 9 bytes.' })
    await isLeft(receiver)
  })

  test('that turns out to be too large fails', async () => {
    const receiver = await rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n')
      socket.write('5\r\nfghij\r\n')
    })
    const { body } = await create().open(to(at(receiver.port), { responseBytesMax: 9 }))
    expect((await troubleOf(bodyOf(body))).trouble).toBe('protocol')
    await isLeft(receiver)
  })

  test('that its reader leaves is left', async () => {
    const receiver = await rawReceiver((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'))
    const { body } = await create().open(to(at(receiver.port)))
    const closed = closeOf(body)
    body.destroy()
    await closed
    await isLeft(receiver)
    expect(clock.sleepers).toBe(0)
  })

  test.each([
    ['its time', async () => clock.advance(30_000), 'timeout'],
    ['its asker', async (stop: AbortController) => stop.abort(), 'aborted'],
    ['the gateway', async () => made[0]?.close(), 'aborted'],
  ])('is ended by %s, whether somebody reads or not', async (_, end, trouble) => {
    const receiver = await rawReceiver((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'))
    const egress = create()
    const stop = new AbortController()
    const read = await egress.open(to(at(receiver.port), { signal: stop.signal }))
    const unread = await egress.open(to(at(receiver.port), { signal: stop.signal }))
    const closed = closeOf(unread.body)
    const outcome = troubleOf(bodyOf(read.body))
    await end(stop)
    expect((await outcome).trouble).toBe(trouble)
    await closed
    expect((unread.body.errored as EgressError).trouble).toBe(trouble)
    await isLeft(receiver)
  })
})

describe('a connection', () => {
  test('that nobody accepts', async () => {
    const receiver = await httpReceiver((_, response) => response.end())
    await receiver.close()
    expect((await troubleOf(create().request(to(at(receiver.port))))).trouble).toBe('connect')
  })

  test('is tried to every address of the name', async () => {
    const receiver = await httpsReceiver(certificate, (_, response) => response.end('ok'))
    const resolve = async (): Promise<Answer[]> => [
      { address: '127.0.0.2', family: 4 },
      { address: '::1', family: 6 },
      here,
    ]
    expect((await create({ resolve }).request(to(securely(receiver.port)))).status).toBe(200)
    expect(receiver.connections()).toBe(1)
  })

  test('whose name nobody knows, or nobody knows in time', async () => {
    const unknown = create({ resolve: () => Promise.reject(new Error('ENOTFOUND 10.0.0.1')) })
    expect((await troubleOf(unknown.request(to(securely(443))))).trouble).toBe('dns')
    expect((await troubleOf(create({ resolve: async () => [] }).request(to(securely(443))))).trouble).toBe('dns')
    const slow = troubleOf(create({ resolve: () => new Promise(() => {}) }).request(to(securely(443))))
    await clock.advance(4_999)
    expect(clock.sleepers).toBe(2)
    await clock.advance(1)
    expect((await slow).trouble).toBe('dns')
  })

  test('whose greeting hangs is given up after five seconds', async () => {
    const receiver = await rawReceiver(() => {})
    const reply = troubleOf(create().request(to(securely(receiver.port))))
    await until(async () => receiver.bytes() > 0, 'the greeting to arrive')
    await clock.advance(5_000)
    expect(await reply).toMatchObject({ trouble: 'tls', message: expect.stringContaining('in time') })
    await isLeft(receiver)
  })

  test('is given up with its request, at any moment', async () => {
    const silent = await rawReceiver(() => {})
    const aborted = AbortSignal.abort()
    expect((await troubleOf(create().request(to(at(silent.port), { signal: aborted })))).trouble).toBe('aborted')
    expect(silent.connections()).toBe(0)
    const resolves = [async () => [here], () => new Promise<Answer[]>(() => {})]
    for (const url of [at(silent.port), securely(silent.port)]) {
      for (const resolve of resolves) {
        for (const turns of [0, 1, 2, 5, 20]) {
          const stop = new AbortController()
          const reply = troubleOf(create({ resolve }).request(to(url, { signal: stop.signal })))
          for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
          stop.abort()
          expect((await reply).trouble).toBe('aborted')
        }
      }
    }
    await isLeft(silent)
  })

  test('is closed when the gateway stops, and none is made afterwards', async () => {
    const receiver = await httpReceiver((request, response) => void (request.url === '/' && response.end('ok')))
    const egress = create()
    await egress.request(to(at(receiver.port)))
    const hanging = troubleOf(egress.request(to(at(receiver.port, '/hang'))))
    await egress.close()
    expect((await hanging).trouble).toBe('aborted')
    await isLeft(receiver)
    expect((await troubleOf(egress.request(to(at(receiver.port))))).trouble).toBe('aborted')
    expect(receiver.connections()).toBe(1)
  })
})

describe('where it leads', () => {
  test('is looked up once for a connection, and again for the next: an answer that turns private is refused', async () => {
    const receiver = await httpsReceiver(certificate, (_, response) => response.end('ok'))
    const answers: Answer[][] = [[here], [{ address: '10.0.0.1', family: 4 }]]
    let asked = 0
    const resolve = async () => answers[asked++] ?? []
    const egress = create({ resolve })
    expect((await egress.request(to(securely(receiver.port)))).status).toBe(200)
    expect((await egress.request(to(securely(receiver.port)))).status).toBe(200)
    expect([asked, receiver.connections()]).toEqual([1, 1])
    receiver.hangUp()
    await isLeft(receiver)
    expect((await troubleOf(egress.request(to(securely(receiver.port))))).trouble).toBe('refused')
    expect([asked, receiver.connections()]).toEqual([2, 1])
  })

  test.each([
    ['the same host', '127.0.0.1'],
    ['all addresses', '0.0.0.0'],
    ['all addresses of IPv6 too', '::'],
    ['a name', 'localhost'],
  ])('is never where we listen ourselves, on %s', async (_, host) => {
    const receiver = await httpsReceiver(certificate, (_request, response) => response.end('ok'))
    const egress = create({ own: () => [{ host, port: receiver.port }] })
    for (const url of [at(receiver.port), securely(receiver.port), `http://localhost:${receiver.port}/`]) {
      expect((await troubleOf(egress.request(to(url)))).trouble).toBe('refused')
      expect(await egress.problemWith(url)).toMatch(/not allowed/)
    }
    expect(egress.problemAtOnce(at(receiver.port))).toMatch(/not allowed/)
    expect(receiver.connections()).toBe(0)
  })

  test('is looked at again once somebody answered, before a byte is written', async () => {
    const receiver = await rawReceiver(() => {})
    let asked = 0
    // It begins to be ours while the connection is made, as an address that is handed on would.
    const own = () => (asked++ === 0 ? [] : [{ host: '127.0.0.1', port: receiver.port }])
    for (const url of [at(receiver.port), securely(receiver.port)]) {
      asked = 0
      expect((await troubleOf(create({ own }).request(to(url)))).trouble).toBe('refused')
    }
    await until(async () => receiver.connections() === 2, 'both connections')
    await isLeft(receiver)
    expect(receiver.bytes()).toBe(0)
  })

  test('is on this machine for localhost, whoever says otherwise', async () => {
    const receiver = await httpReceiver((_, response) => response.end('ok'))
    const resolve = async (): Promise<Answer[]> => [{ address: '93.184.216.34', family: 4 }]
    const egress = create({ resolve })
    for (const host of ['localhost', 'app.localhost', 'LOCALHOST.']) {
      expect((await egress.request(to(`http://${host}:${receiver.port}/`))).status).toBe(200)
    }
  })
})
