/** S3 from the wire's side: who signs how, what is tried again, what breaks off, and what an operator is told. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { AwsV4Signer } from 'aws4fetch'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { StartRefused } from '../../src/lib/start-refused.ts'
import { addressOf, createS3Storage, type S3Place } from '../../src/media/storage/s3.ts'
import { emptyHash, escapedPath, signedHeaders } from '../../src/media/storage/sign-v4.ts'
import type { Storage } from '../../src/media/storage/storage.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { openS3Server, type S3Server } from '../support/s3-server.ts'
import { createTestClock, type TestClock } from '../support/test-clock.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 's3-test-'))
})
afterAll(() => rm(dir, { recursive: true }))

let server: S3Server
let clock: TestClock
let storage: Storage
beforeEach(async () => {
  server = await openS3Server()
  clock = createTestClock()
  storage = createS3Storage(server.place, { clock })
})
afterEach(() => server.close())

const name = 'one/ab/abc'

async function stored(content: Buffer | string) {
  const path = join(dir, 'file')
  await writeFile(path, content)
  return { path, bytes: Buffer.byteLength(content), hash: createHash('sha256').update(content).digest('hex') }
}

async function textOf(stream: Readable | null): Promise<string | null> {
  if (stream === null) return null
  let text = ''
  for await (const piece of stream) text += String(piece)
  return text
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Lets time pass in steps until the work is done, and says how long that took. */
async function msUntilDone(work: Promise<unknown>, stepMs: number): Promise<number> {
  const startMs = clock.monotonic()
  let isDone = false
  const done = () => {
    isDone = true
  }
  work.then(done, done)
  const pass = () => {
    if (!isDone) clock.advance(stepMs)
    return isDone
  }
  await expect.poll(pass, { interval: 10, timeout: 10_000 }).toBe(true)
  return clock.monotonic() - startMs
}

describe('signatures', () => {
  const keys = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    sessionToken: null,
  }
  const scope = { region: 'us-east-1', keys, nowMs: Date.UTC(2013, 4, 24) }
  const host = 'https://examplebucket.s3.amazonaws.com'
  const [dated, welcome] = ['Fri, 24 May 2013 00:00:00 GMT', 'Welcome to Amazon S3.']

  // From "Signature Calculations for the Authorization Header" of the S3 API reference.
  test.each([
    [
      'GET Object',
      { method: 'GET', path: '/test.txt', headers: { range: 'bytes=0-9' }, body: '' },
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'PUT Object',
      {
        ...{ method: 'PUT', path: escapedPath('/test$file.text'), body: welcome },
        headers: { date: dated, 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      },
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'GET Bucket Lifecycle',
      { method: 'GET', path: '/?lifecycle', headers: {}, body: '' },
      'host;x-amz-content-sha256;x-amz-date',
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'GET Bucket',
      { method: 'GET', path: '/?max-keys=2&prefix=J', headers: {}, body: '' },
      'host;x-amz-content-sha256;x-amz-date',
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('are those that AWS publishes: %s', (_, { method, path, headers, body }, names, signature) => {
    const bodyHash = createHash('sha256').update(body).digest('hex')
    const sent = signedHeaders({ method, url: new URL(host + path), headers, bodyHash }, scope)
    const place = `${keys.accessKeyId}/20130524/us-east-1/s3/aws4_request`
    expect(sent.authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=${place},SignedHeaders=${names},Signature=${signature}`,
    )
    expect(sent).toMatchObject({ ...headers, 'x-amz-date': '20130524T000000Z', 'x-amz-content-sha256': bodyHash })
  })

  test.each([
    'plain.txt',
    "é/日本/a+b (1)!*'~&=;:@,$.ogg",
    '100%/%41/..a/.b',
    ' blank /',
    'many//slashes',
    '?query#hash',
    'a?b=1&a-b=2',
  ])('are those of another implementation: %j', async (path) => {
    const url = new URL(`http://127.0.0.1:9000${escapedPath(`/media/${path}`)}`)
    const headers = { range: 'bytes=0-3', 'content-type': 'audio/ogg   x' }
    for (const sessionToken of [null, 'token/of+=']) {
      const nowMs = Date.UTC(2026, 1, 28, 23, 59, 59)
      const own = { region: 'eu-1', keys: { accessKeyId: 'A', secretAccessKey: 'b/c+d=', sessionToken }, nowMs }
      const sent = signedHeaders({ method: 'GET', url, headers, bodyHash: emptyHash }, own)
      const other = new AwsV4Signer({
        ...{ method: 'GET', url: url.href, headers: { ...headers, 'x-amz-content-sha256': emptyHash } },
        ...{ ...own.keys, sessionToken: sessionToken ?? undefined, service: 's3', region: 'eu-1' },
        ...{ datetime: '20260228T235959Z', allHeaders: true },
      })
      const { headers: theirs } = await other.sign()
      expect(sent.authorization?.replaceAll(',', ', ')).toBe(theirs.get('authorization'))
    }
  })

  test('go with the token of keys that end', async () => {
    const short = await openS3Server({ sessionToken: 'for/an+hour=' })
    try {
      const withToken = createS3Storage(short.place, { clock })
      await withToken.place(name, await stored('x'))
      expect(await textOf(await withToken.open(name, null))).toBe('x')
      const without = createS3Storage({ ...short.place, sessionToken: 'other' }, { clock })
      await expect(without.open(name, null)).rejects.toMatchObject({ status: 403, code: 'InvalidToken' })
    } finally {
      await short.close()
    }
  })
})

describe('where it is', () => {
  const place: S3Place = {
    ...{ endpoint: 'https://s3.eu-1.amazonaws.com', region: 'eu-1', bucket: 'media', prefix: '', pathStyle: false },
    ...{ accessKeyId: 'A', secretAccessKey: 'b', sessionToken: null },
  }

  test.each<[Partial<S3Place>, string]>([
    [{}, 'https://media.s3.eu-1.amazonaws.com/a/b%20c'],
    [{ prefix: 'in/é' }, 'https://media.s3.eu-1.amazonaws.com/in/%C3%A9/a/b%20c'],
    [{ pathStyle: true }, 'https://s3.eu-1.amazonaws.com/media/a/b%20c'],
    [{ pathStyle: true, endpoint: 'http://minio:9000/' }, 'http://minio:9000/media/a/b%20c'],
    [{ pathStyle: true, endpoint: 'https://h/storage/s3', prefix: 'p' }, 'https://h/storage/s3/media/p/a/b%20c'],
  ])('%j', (given, url) => {
    expect(addressOf({ ...place, ...given }, 'a/b c').href).toBe(url)
  })

  test('a prefix goes before every name', async () => {
    const below = createS3Storage({ ...server.place, prefix: 'deep/down' }, { clock })
    await below.place(name, await stored('x'))
    expect(server.names()).toEqual([`deep/down/${name}`])
    expect(await storage.open(name, null)).toBeNull()
    await below.remove(name)
    expect(server.names()).toEqual([])
  })
})

describe('placing', () => {
  test('sends nothing that is there already', async () => {
    await storage.place(name, await stored('same'))
    await storage.place(name, await stored('same'))
    expect(server.asked).toEqual([`HEAD ${name}`, `PUT ${name}`, `HEAD ${name}`])
  })

  test('sends again what is there with another length', async () => {
    await storage.place(name, await stored('half'))
    await storage.place(name, await stored('the whole'))
    expect(await textOf(await storage.open(name, null))).toBe('the whole')
  })

  test('sends what it may not ask for', async () => {
    server.forbid('HEAD')
    await storage.place(name, await stored('x'))
    expect(server.names()).toEqual([name])
  })

  test.each<[number | 'reset']>([[500], [503], [429], ['reset']])('is tried again after %s', async (fault) => {
    server.fail(null, fault, fault)
    await storage.place(name, await stored('in the end'))
    expect(server.asked).toEqual([`HEAD ${name}`, `PUT ${name}`, `PUT ${name}`, `PUT ${name}`])
    expect(await textOf(await storage.open(name, null))).toBe('in the end')
  })

  test('fails after the third time, and at once when it is refused', async () => {
    server.fail(null, 500, 500, 500)
    await expect(storage.place(name, await stored('x'))).rejects.toMatchObject({ status: 500, code: 'InternalError' })
    expect(server.asked).toHaveLength(4)
    server.forbid('PUT')
    await expect(storage.place(name, await stored('x'))).rejects.toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(server.asked).toHaveLength(6)
  })

  test('what is not the file of its hash is refused, and so is a file that is gone', async () => {
    const file = await stored('x')
    await expect(storage.place(name, { ...file, hash: emptyHash })).rejects.toMatchObject({ status: 400 })
    await expect(storage.place(name, { ...file, path: join(dir, 'gone') })).rejects.toThrow()
    expect(server.names()).toEqual([])
  })

  test('a server that takes it and says nothing is given up after 120 s', async () => {
    server.fail(null, 'hang', 'hang', 'hang')
    const work = storage.place(name, await stored('x'))
    const failure = expect(work).rejects.toMatchObject({ status: null, code: 'no answer in time' })
    const tookMs = await msUntilDone(work, 5_000)
    expect(tookMs).toBeGreaterThan(3 * 120_000)
    expect(tookMs).toBeLessThan(3 * 140_000)
    await failure
  })
})

describe('reading', () => {
  test('a connection that breaks halfway breaks the stream', async () => {
    await storage.place(name, await stored(Buffer.alloc(2_000_000, 'ab')))
    server.fail('reset')
    const stream = await storage.open(name, null)
    let bytes = 0
    const reading = (async () => {
      for await (const piece of stream ?? []) bytes += (piece as Buffer).length
    })()
    await expect(reading).rejects.toThrow()
    expect(bytes).toBeLessThan(2_000_000)
    expect((await textOf(await storage.open(name, null)))?.length).toBe(2_000_000)
  })

  test('nobody listens when it breaks, and nothing happens', async () => {
    await storage.place(name, await stored(Buffer.alloc(2_000_000)))
    server.fail('reset')
    const stream = await storage.open(name, null)
    stream?.resume()
    await expect.poll(() => stream?.destroyed).toBe(true)
  })

  test('a server that stops halfway is given up after 120 s', async () => {
    await storage.place(name, await stored(Buffer.alloc(2_000_000)))
    server.fail('stall')
    const reading = textOf(await storage.open(name, null))
    const failure = expect(reading).rejects.toMatchObject({ code: 'the rest did not come in time' })
    const tookMs = await msUntilDone(reading, 5_000)
    expect(tookMs).toBeGreaterThan(119_000)
    expect(tookMs).toBeLessThan(150_000)
    await failure
  })

  test('whoever reads slowly is not given up', async () => {
    await storage.place(name, await stored(Buffer.alloc(4_000_000)))
    const stream = await storage.open(name, null)
    await expect.poll(() => (stream?.readableLength ?? 0) > 0).toBe(true)
    for (let pause = 0; pause < 3; pause += 1) {
      clock.advance(121_000)
      await turn()
    }
    expect((await textOf(stream))?.length).toBe(4_000_000)
  })

  test('a server that does not answer is given up after 10 s, each time', async () => {
    server.fail('hang', 'hang', 'hang')
    const work = storage.open(name, null)
    const failure = expect(work).rejects.toMatchObject({ code: 'no answer in time' })
    const tookMs = await msUntilDone(work, 500)
    expect(tookMs).toBeGreaterThan(3 * 10_000)
    expect(tookMs).toBeLessThan(3 * 15_000)
    await failure
  })

  test('is tried again after a passing fault; what is refused is no missing file', async () => {
    await storage.place(name, await stored('x'))
    server.fail(500, 'reset')
    expect(await textOf(await storage.open(name, null))).toBe('x')
    server.fail(403)
    await expect(storage.open(name, null)).rejects.toMatchObject({ status: 403 })
    await expect(storage.open(name, { start: 5, end: 9 })).rejects.toMatchObject({ status: 416 })
    const elsewhere = createS3Storage({ ...server.place, bucket: 'other' }, { clock })
    await expect(elsewhere.open(name, null)).rejects.toMatchObject({ status: 404, code: 'NoSuchBucket' })
    await expect(elsewhere.remove(name)).rejects.toMatchObject({ status: 404, code: 'NoSuchBucket' })
  })
})

test('no timer is left when it is done', async () => {
  const still = createHandClock(Date.now())
  const own = createS3Storage(server.place, { clock: still })
  await own.place(name, await stored('x'))
  await textOf(await own.open(name, null))
  await own.open('nothing', null)
  const broken = await own.open(name, null)
  broken?.destroy()
  await own.remove(name)
  await own.check()
  await turn()
  expect(still.sleepers).toBe(0)
})

test('20 MB go up and come down, and memory stays where it was', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = () => {
    // What the first finds is given back by the second.
    collect()
    collect()
    return process.memoryUsage().arrayBuffers
  }
  const file = await stored(Buffer.alloc(20_000_000, 'media'))
  const beforeBytes = held()
  let [most, pieces] = [0, 0]
  // Collecting everything takes its time on a busy machine: a few looks on each way are enough.
  const looks = new Set([20, 60, 150, 300])
  const sample = () => {
    pieces += 1
    if (looks.has(pieces)) most = Math.max(most, held() - beforeBytes)
  }
  server.onPiece = sample
  await storage.place(name, file)
  expect(pieces).toBeGreaterThan(20)
  pieces = 0
  const hash = createHash('sha256')
  const stream = await storage.open(name, null)
  await expect.poll(() => stream?.readableLength).toBeGreaterThanOrEqual(256 * 1024)
  await turn()
  most = Math.max(most, held() - beforeBytes)
  for await (const piece of stream ?? []) {
    hash.update(piece as Buffer)
    sample()
  }
  expect(hash.digest('hex')).toBe(file.hash)
  expect(most).toBeLessThan(8_000_000)
})

describe('the check before the start', () => {
  const said = async (given: Partial<S3Place>) => {
    const failure: unknown = await createS3Storage({ ...server.place, ...given }, { clock })
      .check()
      .catch((error: unknown) => error)
    if (!(failure instanceof StartRefused)) throw new Error('it did not refuse the start')
    expect(failure.message).toMatch(/^MEDIA_URL: [^\n]+\.$/)
    expect(failure.message).not.toContain(server.place.secretAccessKey)
    return failure.message
  }

  test('writes, reads and removes', async () => {
    await storage.check()
    expect(server.asked.map((one) => one.split(' ')[0])).toEqual(['PUT', 'GET', 'DELETE', 'GET'])
    expect(server.names()).toEqual([])
  })

  test.each<[Partial<S3Place>, string]>([
    [{ secretAccessKey: 'wrong' }, 'AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID.'],
    [{ accessKeyId: 'AKIAWRONG' }, 'does not know the AWS_ACCESS_KEY_ID.'],
    [{ bucket: 'nowhere' }, 'there is no bucket nowhere at http://127.0.0.1'],
    [{ region: 'us-east-1' }, 'the bucket is not in the region us-east-1: set AWS_REGION.'],
    [{ endpoint: 'http://127.0.0.1:9' }, 'cannot be reached (ECONNREFUSED): check S3_ENDPOINT and the network.'],
    [{ endpoint: 'http://nowhere.invalid' }, 'cannot be reached (E'],
  ])('%j', async (given, expected) => {
    expect(await said(given)).toContain(expected)
  })

  test.each([
    ['PUT', 'write'],
    ['GET', 'read'],
    ['DELETE', 'remove'],
    ['LIST', 'list'],
  ])('keys that may not %s', async (method, doing) => {
    server.forbid(method)
    expect(await said({})).toContain(`the keys may not ${doing} in the bucket media (AccessDenied): allow s3:PutObject`)
  })

  test('a clock that is wrong', async () => {
    clock.advance(-20 * 60_000)
    expect(await said({})).toContain('more than 15 minutes apart')
  })

  test('a server that fails', async () => {
    server.fail(500)
    expect(await said({})).toContain('answered 500 (InternalError) when it was to write in the bucket media.')
  })
})
