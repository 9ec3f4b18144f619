/** Bodies that are streamed on the way out: whole or not at all, at the receiver's pace, and closed however it ends. */
import { createHash } from 'node:crypto'
import { createReadStream, type ReadStream } from 'node:fs'
import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { RequestStream } from '../../src/lib/egress/exchange.ts'
import { createSafeFetch, type EgressRequest, type SafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { EgressError } from '../../src/lib/egress/trouble.ts'
import { until } from '../support/gateway.ts'
import { createHandClock, type HandClock } from '../support/hand-clock.ts'
import { httpReceiver, rawReceiver } from './receivers.ts'

let clock: HandClock
let egress: SafeFetch
let sources: Readable[]

beforeEach(() => {
  clock = createHandClock()
  sources = []
  egress = createSafeFetch({ clock, policy: 'loopback', own: () => [] })
})

afterEach(async () => {
  await egress.close()
  expect(clock.sleepers, 'timers that were left behind').toBe(0)
  await until(async () => sources.every(({ destroyed }) => destroyed), 'every source to be closed')
})

/** A body that is known by how often it was opened, and whose sources must all be closed in the end. */
function streamOf(pieces: () => Iterable<Uint8Array | Error>, bytes: number): RequestStream {
  return {
    bytes,
    open: async () => {
      const source = Readable.from(
        (function* () {
          for (const piece of pieces()) {
            if (piece instanceof Error) throw piece
            yield piece
          }
        })(),
        { objectMode: false },
      )
      sources.push(source)
      return source
    },
  }
}

function to(port: number, changes: Partial<EgressRequest> = {}): EgressRequest {
  return {
    method: 'POST',
    url: `http://127.0.0.1:${port}/upload`,
    headers: {},
    body: null,
    timeoutMs: 30_000,
    responseBytesMax: 16_384,
    redirectsMax: 0,
    ...changes,
  }
}

interface Got {
  method: string | undefined
  length: string | undefined
  encoding: string | undefined
  bytes: number
  text: string
  complete: boolean
}

/** Answers once it has all, and remembers what it got of each request. */
function listening(
  got: Got[],
  answer: RequestListener = (_, response) => void response.end('thanks'),
): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('close', () => {
      const body = Buffer.concat(chunks)
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
      const { method, complete } = request
      got.push({ method, length, encoding, bytes: body.length, text: body.toString(), complete })
    })
    request.on('end', () => answer(request, response))
    request.on('error', () => {})
  }
}

async function troubleOf(work: Promise<unknown>): Promise<Pick<EgressError, 'trouble' | 'sent' | 'message'>> {
  const error = await work.then(
    () => new Error('It went well.'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(EgressError)
  return error as EgressError
}

const hello = () => [Buffer.from('he'), Buffer.from('ll'), Buffer.from('o')]

test.each(['PUT', 'DELETE'] as const)('a %s arrives as one, with and without a body', async (method) => {
  const got: Got[] = []
  const { port } = await httpReceiver(listening(got))
  await egress.request(to(port, { method }))
  await egress.request(to(port, { method, body: Buffer.from('hello') }))
  await egress.request(to(port, { method, body: streamOf(hello, 5) }))
  expect(got.map((one) => [one.method, one.text])).toEqual([
    [method, ''],
    [method, 'hello'],
    [method, 'hello'],
  ])
})

describe('a stream', () => {
  test('arrives whole, with its length said before, and its connection is used again', async () => {
    const got: Got[] = []
    const receiver = await httpReceiver(listening(got))
    const headers = { 'Content-Type': 'text/plain', 'Content-Length': '3', 'Transfer-Encoding': 'chunked' }
    for (let count = 0; count < 3; count++) {
      const { body } = await egress.request(to(receiver.port, { headers, body: streamOf(hello, 5) }))
      expect(body.toString()).toBe('thanks')
    }
    const whole = { method: 'POST', length: '5', encoding: undefined, bytes: 5, text: 'hello', complete: true }
    expect(got).toEqual([whole, whole, whole])
    expect([receiver.connections(), sources.length]).toEqual([1, 3])
  })

  test('with nothing in it arrives as nothing', async () => {
    const got: Got[] = []
    const { port } = await httpReceiver(listening(got))
    await egress.request(to(port, { body: streamOf(() => [], 0) }))
    expect(got).toMatchObject([{ length: '0', bytes: 0, complete: true }])
  })

  test('of 100 MB from a file arrives byte for byte, and only little of it is under way at a time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'uploads-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'large')
    const sent = createHash('sha256')
    const file = await openFile(path, 'w')
    for (let place = 0; place < 100; place++) {
      const piece = Buffer.alloc(1_048_576, place)
      sent.update(piece)
      await file.write(piece)
    }
    await file.close()
    const heard = createHash('sha256')
    let source: ReadStream | null = null
    let [bytes, most] = [0, 0]
    const { port } = await httpReceiver((request, response) => {
      request.on('data', (chunk: Buffer) => {
        heard.update(chunk)
        bytes += chunk.length
        // Not the memory of the process, which also holds what nobody has swept up yet.
        most = Math.max(most, (source?.bytesRead ?? 0) - bytes)
      })
      request.on('end', () => response.end())
    })
    const open = async () => {
      source = createReadStream(path)
      return source
    }
    const { status } = await egress.request(to(port, { body: { bytes: 100 * 1_048_576, open } }))
    expect([status, heard.digest('hex')]).toEqual([200, sent.digest('hex')])
    expect(most / 1_048_576, 'MB that were read and had not arrived').toBeLessThan(16)
  })

  test('waits for a receiver that does not read', async () => {
    let read = 0
    let goOn = () => {}
    const { port } = await httpReceiver((request, response) => {
      goOn = () => void request.on('end', () => response.end()).resume()
    })
    const pieces = function* () {
      for (let count = 0; count < 512; count++) {
        read += 1
        yield Buffer.alloc(65_536)
      }
    }
    const reply = egress.request(to(port, { body: streamOf(pieces, 512 * 65_536) }))
    let last = -1
    await until(async () => {
      const isStill = read > 0 && read === last
      last = read
      return isStill
    }, 'the source to be left alone')
    expect(read, 'pieces taken of 512').toBeLessThan(300)
    goOn()
    expect((await reply).status).toBe(200)
    expect(read).toBe(512)
  })

  test('is opened anew for a redirect that repeats the request', async () => {
    const got: Got[] = []
    const { port } = await httpReceiver(
      listening(got, (request, response) => {
        if (request.url === '/there') response.end('there')
        else response.writeHead(307, { location: '/there' }).end()
      }),
    )
    const reply = await egress.request(to(port, { body: streamOf(hello, 5), redirectsMax: 1 }))
    expect(reply.body.toString()).toBe('there')
    expect([got.map(({ text }) => text), sources.length]).toEqual([['hello', 'hello'], 2])
  })

  test('goes to no other place by a redirect, and neither does what is to be deleted or put', async () => {
    const elsewhere: Got[] = []
    const other = await httpReceiver(listening(elsewhere))
    const { port } = await httpReceiver(
      listening([], (_, response) => {
        response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end()
      }),
    )
    await egress.request(to(port, { body: streamOf(hello, 5), redirectsMax: 1 }))
    await egress.request(to(port, { method: 'DELETE', redirectsMax: 1 }))
    await egress.request(to(port, { method: 'PUT', redirectsMax: 1 }))
    expect(elsewhere.map(({ method, text }) => [method, text])).toEqual(Array(3).fill(['GET', '']))
  })

  test('is opened anew when the connection was closed while it was idle', async () => {
    const got: Got[] = []
    const receiver = await httpReceiver(listening(got))
    for (let count = 1; count <= 10; count++) {
      await egress.request(to(receiver.port, { body: streamOf(hello, 5) }))
      await new Promise((next) => setImmediate(next))
      // The news of it lies there unread when the next request begins.
      receiver.hangUp()
    }
    expect(got.map(({ text }) => text)).toEqual(Array(10).fill('hello'))
  })

  test('is left alone when the receiver answers before it has all', async () => {
    const { port } = await rawReceiver((socket) => {
      socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!')
    })
    const pieces = function* () {
      for (;;) yield Buffer.alloc(65_536)
    }
    const reply = await egress.request(to(port, { body: streamOf(pieces, 10 ** 10) }))
    expect([reply.status, reply.body.toString()]).toEqual([413, 'no!'])
  })
})

describe('a source', () => {
  test('that cannot be opened fails the request before anything is sent', async () => {
    const receiver = await httpReceiver(listening([]))
    const body = { bytes: 5, open: () => Promise.reject(new Error('/srv/secret is gone')) }
    const trouble = await troubleOf(egress.request(to(receiver.port, { body })))
    expect(trouble).toMatchObject({ trouble: 'source', sent: false })
    expect(trouble.message).not.toContain('secret')
    expect(receiver.connections()).toBe(0)
  })

  test.each([
    ['that fails on its way', () => [...hello(), new Error('/srv/secret broke')], 10],
    ['that is shorter than it was said to be', hello, 6],
    ['that is longer than it was said to be, by the piece', hello, 4],
    ['that is longer than it was said to be, after what is right', () => [Buffer.from('hello'), Buffer.from('!')], 5],
  ])('%s fails the request, which never is complete', async (_, pieces, bytes) => {
    const got: Got[] = []
    const { port } = await httpReceiver(listening(got))
    const trouble = await troubleOf(egress.request(to(port, { body: streamOf(pieces, bytes) })))
    expect(trouble).toMatchObject({ trouble: 'source', sent: true })
    expect(trouble.message).not.toContain('secret')
    // Nothing at all may have come when not even the first piece was let go.
    await until(async () => got.every(({ complete }) => !complete), 'what came to be incomplete')
    await egress.request(to(port, { body: streamOf(hello, 5) }))
    expect(got.filter(({ complete }) => complete)).toHaveLength(1)
  })

  test('is closed when there is nobody to send it to, and nothing was sent', async () => {
    const receiver = await httpReceiver(listening([]))
    await receiver.close()
    const trouble = await troubleOf(egress.request(to(receiver.port, { body: streamOf(hello, 5) })))
    expect(trouble).toMatchObject({ trouble: 'connect', sent: false })
    expect(sources).toHaveLength(1)
  })

  test('is closed when the request is given up while it is read', async () => {
    const stop = new AbortController()
    let hears = 0
    const { port } = await rawReceiver(() => (hears += 1))
    const pieces = function* () {
      for (;;) yield Buffer.alloc(65_536)
    }
    const given = troubleOf(egress.request(to(port, { body: streamOf(pieces, 10 ** 10), signal: stop.signal })))
    await until(async () => hears === 1, 'the request to arrive')
    stop.abort()
    expect(await given).toMatchObject({ trouble: 'aborted', sent: true })
  })

  test('that opens only after the request was given up is closed all the same', async () => {
    const stop = new AbortController()
    const opening = Promise.withResolvers<Readable>()
    const receiver = await httpReceiver(listening([]))
    const body = { bytes: 5, open: () => opening.promise }
    const given = troubleOf(egress.request(to(receiver.port, { body, signal: stop.signal })))
    stop.abort()
    expect(await given).toMatchObject({ trouble: 'aborted', sent: false })
    const late = Readable.from(hello(), { objectMode: false })
    sources.push(late)
    opening.resolve(late)
  })
})

describe('an error tells whether anything was sent', () => {
  test('when no answer came', async () => {
    const receiver = await rawReceiver((socket) => void socket.destroy())
    expect(await troubleOf(egress.request(to(receiver.port)))).toMatchObject({ trouble: 'reset', sent: true })
  })

  test('when the time was up', async () => {
    let hears = 0
    const receiver = await rawReceiver(() => (hears += 1))
    const late = troubleOf(egress.request(to(receiver.port, { timeoutMs: 1_000 })))
    await until(async () => hears === 1, 'the request to arrive')
    await clock.advance(1_000)
    expect(await late).toMatchObject({ trouble: 'timeout', sent: true })
  })

  test('when it was given up before it began', async () => {
    const receiver = await httpReceiver(listening([]))
    const request = to(receiver.port, { signal: AbortSignal.abort(), body: streamOf(hello, 5) })
    expect(await troubleOf(egress.request(request))).toMatchObject({ trouble: 'aborted', sent: false })
  })
})
