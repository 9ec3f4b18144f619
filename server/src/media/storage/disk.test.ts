/** What is opened from the disk is closed again, however its reading ends. */
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createDiskStorage } from './disk.ts'

const home = mkdtempSync(join(tmpdir(), 'switchboard-disk-'))
afterAll(() => rmSync(home, { recursive: true }))

/** Of this very file, among all that the process holds. */
const holds = (path: string) =>
  readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false
    }
  })

test.skipIf(process.platform !== 'linux').each(['unread', 'begun', 'whole', 'part'])(
  '%s (needs /proc)',
  async (how) => {
    const path = join(home, how)
    writeFileSync(path, Buffer.alloc(1_000_000, 7))
    const stream = await createDiskStorage(home).open(how, how === 'part' ? { start: 10, end: 19 } : null)
    if (stream === null) throw new Error('It is not there.')
    expect(holds(path)).toBe(true)
    if (how === 'unread') stream.destroy()
    if (how === 'begun') stream.once('data', () => stream.destroy())
    let bytes = 0
    if (how === 'whole' || how === 'part') stream.on('data', (piece: Buffer) => (bytes += piece.length))
    if (!stream.closed) await once(stream, 'close')
    expect(holds(path)).toBe(false)
    expect(bytes).toBe({ unread: 0, begun: 0, whole: 1_000_000, part: 10 }[how])
  },
)
