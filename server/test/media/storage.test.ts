/** What every storage promises, asked of the disk and of S3 alike. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createDiskStorage } from '../../src/media/storage/disk.ts'
import { createS3Storage } from '../../src/media/storage/s3.ts'
import { nameOf, type Range, type Storage } from '../../src/media/storage/storage.ts'
import { openS3Server } from '../support/s3-server.ts'

interface Opened {
  storage: Storage
  /** Everything that lies in it. */
  names(): Promise<string[]>
  close(): Promise<void>
}

async function disk(): Promise<Opened> {
  const dir = await mkdtemp(join(tmpdir(), 'storage-'))
  const names = async () => {
    const entries = await readdir(dir, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    return files.map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1)).sort()
  }
  return { storage: createDiskStorage(dir), names, close: () => rm(dir, { recursive: true }) }
}

async function s3(): Promise<Opened> {
  const server = await openS3Server()
  const storage = createS3Storage(server.place, { clock: systemClock })
  return { storage, names: async () => server.names(), close: server.close }
}

describe.each([
  ['the disk', disk],
  ['S3', s3],
])('%s', (_, open) => {
  let opened: Opened
  let storage: Storage
  let spool = ''

  beforeEach(async () => {
    spool = await mkdtemp(join(tmpdir(), 'spool-'))
    opened = await open()
    storage = opened.storage
  })
  afterEach(async () => {
    await opened.close()
    await rm(spool, { recursive: true })
  })

  async function place(customer: string, content: Buffer | string): Promise<string> {
    const hash = createHash('sha256').update(content).digest('hex')
    const path = join(spool, 'file')
    await writeFile(path, content)
    const name = nameOf(customer, hash)
    await storage.place(name, { path, bytes: Buffer.byteLength(content), hash })
    return name
  }

  async function read(name: string, range: Range | null = null): Promise<Buffer | null> {
    const stream = await storage.open(name, range)
    if (stream === null) return null
    const pieces: Buffer[] = []
    for await (const piece of stream) pieces.push(piece as Buffer)
    return Buffer.concat(pieces)
  }

  test('gives back what was placed, byte by byte', async () => {
    const content = Buffer.from(Array.from({ length: 700_001 }, (_, at) => (at * 31 + (at >> 8)) & 255))
    const name = await place('one', content)
    expect((await read(name))?.equals(content)).toBe(true)
    expect((await read(name))?.equals(content)).toBe(true)
  })

  test.each<[Range, string]>([
    [{ start: 0, end: 0 }, '0'],
    [{ start: 3, end: 6 }, '3456'],
    [{ start: 9, end: 9 }, '9'],
    [{ start: 0, end: 9 }, '0123456789'],
  ])('gives the part %j', async (range, expected) => {
    expect(String(await read(await place('one', '0123456789'), range))).toBe(expected)
  })

  test('keeps an empty file', async () => {
    expect((await read(await place('one', '')))?.length).toBe(0)
  })

  test('the same again changes nothing', async () => {
    const name = await place('one', 'same')
    expect(await place('one', 'same')).toBe(name)
    expect(String(await read(name))).toBe('same')
    expect(await opened.names()).toEqual([name])
  })

  test('keeps the files of customers apart', async () => {
    const [first, second] = [await place('one', 'same'), await place('two', 'same')]
    await storage.remove(first)
    expect([await read(first), String(await read(second))]).toEqual([null, 'same'])
  })

  test('has nothing of a name that was not placed', async () => {
    expect([await read(nameOf('one', 'ab'.repeat(32))), await read('one/x', { start: 0, end: 3 })]).toEqual([
      null,
      null,
    ])
  })

  test('removes, also twice and what never was', async () => {
    const name = await place('one', 'gone soon')
    await storage.remove(name)
    await storage.remove(name)
    await storage.remove('one/ab/nothing')
    expect([await read(name), await opened.names()]).toEqual([null, []])
    await place('one', 'gone soon')
    expect(String(await read(name))).toBe('gone soon')
  })

  test('takes names with signs of all kinds', async () => {
    const name = "kunde é/日本 a+b/100%25 (1)!*'~.ogg"
    const path = join(spool, 'file')
    await writeFile(path, 'x')
    await storage.place(name, { path, bytes: 1, hash: createHash('sha256').update('x').digest('hex') })
    expect(String(await read(name))).toBe('x')
    expect(await opened.names()).toEqual([name])
  })

  test('reading can be broken off', async () => {
    const name = await place('one', Buffer.alloc(3_000_000))
    const stream = await storage.open(name, null)
    for await (const _ of stream ?? []) break
    expect(stream?.destroyed).toBe(true)
    expect((await read(name))?.length).toBe(3_000_000)
  })

  test('its check leaves nothing behind', async () => {
    await storage.check()
    expect(await opened.names()).toEqual([])
  })

  test('a path that it gives leads to the bytes', async () => {
    const path = storage.pathOf(await place('one', 'here'))
    if (path !== null) expect(await readFile(path, 'utf8')).toBe('here')
  })
})
