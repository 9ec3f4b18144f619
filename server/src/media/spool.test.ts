/** What passes through the spool is whole or is not there, and what a dead process has left goes after a while. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import { createSpool, type Spool, TooLarge } from './spool.ts'

let home: string
let dir: string
let spool: Spool
const clock = createHandClock()
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'switchboard-spool-'))
  dir = join(home, 'incoming')
  let number = 0
  const mint = () => {
    number += 1
    return `file-${number}`
  }
  spool = createSpool({ dir, mint, clock })
})
afterEach(() => rmSync(home, { recursive: true }))

const inPieces = (bytes: Buffer, size: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size)),
  )

test.each([1, 1_000, 65_536, 3_000_000])(
  'a stream in pieces of %i is kept as it came, with its length and hash',
  async (size) => {
    const bytes = randomBytes(size === 1 ? 2_000 : 2_500_000)
    const taken = await spool.take(inPieces(bytes, size), bytes.length)
    expect([taken.bytes, taken.hash]).toEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')])
    expect(readFileSync(taken.path).equals(bytes)).toBe(true)
    await taken.drop()
    expect(readdirSync(dir)).toEqual([])
  },
)

test('nothing is left of what is too large, breaks off, or is too large when it is adopted', async () => {
  await expect(spool.take(inPieces(randomBytes(1_001), 100), 1_000)).rejects.toBeInstanceOf(TooLarge)
  const broken = new Error('broken')
  const breaking = new Readable({
    read() {
      this.push(Buffer.alloc(700_000))
      this.destroy(broken)
    },
  })
  await expect(spool.take(breaking, 10_000_000)).rejects.toBe(broken)
  const made = await spool.path()
  writeFileSync(made, Buffer.alloc(11))
  await expect(spool.adopt(made, 10)).rejects.toBeInstanceOf(TooLarge)
  expect(readdirSync(dir)).toEqual([])
})

test('what nobody has worked on for six hours is swept, and nothing else', async () => {
  expect(await spool.sweep()).toBe(0)
  const [old, young] = [await spool.path(), await spool.path()]
  const at = (hoursAgo: number) => new Date(clock.now() - hoursAgo * 3_600_000)
  for (const [path, hours] of [
    [old, 6.1],
    [young, 5.9],
  ] as const) {
    writeFileSync(path, 'x')
    utimesSync(path, at(hours), at(hours))
  }
  expect(await spool.sweep()).toBe(1)
  expect(readdirSync(dir)).toEqual(['file-2'])
})
