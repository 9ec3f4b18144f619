/** Killed at random while callers send and the network misbehaves: nothing lost, nothing twice, nothing told wrongly. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { crashLoop, type LoopOptions } from './crash-loop.ts'
import { broken, tally } from './promises.ts'

const seed = Math.floor(Math.random() * 1_000_000)

async function loop(options: Omit<LoopOptions, 'dir' | 'seed'>) {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-crash-'))
  try {
    return await crashLoop({ ...options, dir, seed })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

test('on a network that dedupes', { timeout: 90_000 }, async () => {
  const { history, kills } = await loop({ kills: 14, databaseKills: 1, dedupes: true })
  expect(broken(history), `seed ${seed}`).toEqual([])
  expect(kills).toBeGreaterThanOrEqual(14)
  expect(tally(history)).toMatchObject({ lost: 0, twice: 0 })
})

test('on a network that takes the same message twice', { timeout: 90_000 }, async () => {
  const { history, kills } = await loop({ kills: 10, databaseKills: 0, dedupes: false })
  expect(broken(history), `seed ${seed}`).toEqual([])
  expect(kills).toBeGreaterThanOrEqual(10)
  expect(tally(history)).toMatchObject({ lost: 0, twice: 0 })
})

test('over SMPP, on a network that knows no refs', { timeout: 90_000 }, async () => {
  const { history, kills } = await loop({ kills: 8, databaseKills: 0, dedupes: false, over: 'smpp' })
  expect(broken(history), `seed ${seed}`).toEqual([])
  expect(kills).toBeGreaterThanOrEqual(8)
  expect(history.parts?.length).toBeGreaterThan(history.effects.length)
  expect(tally(history)).toMatchObject({ lost: 0, twice: 0 })
})

test('over WhatsApp, to people who decrypt and confirm', { timeout: 90_000 }, async () => {
  const { history, kills, fell, figures } = await loop({ kills: 3, databaseKills: 0, dedupes: true, over: 'whatsapp' })
  expect(broken(history), `seed ${seed}`).toEqual([])
  expect(kills).toBeGreaterThanOrEqual(3)
  expect(tally(history)).toMatchObject({ lost: 0, twice: 0 })
  expect(fell).toBe(0)
  expect(figures).toMatchObject({ 'asked again by phones': 0, 'asked again by the gateway': 0 })
})

test('over iMessage, where answers are lost and nothing tells two copies apart', { timeout: 180_000 }, async () => {
  const { history, kills, fell, figures } = await loop({ kills: 3, databaseKills: 0, dedupes: false, over: 'imessage' })
  expect(broken(history), `seed ${seed}`).toEqual([])
  expect(kills).toBeGreaterThanOrEqual(3)
  expect(tally(history)).toMatchObject({ lost: 0, twice: 0 })
  expect(fell).toBe(0)
  expect(figures['given up as unknown over iMessage']).toBe(0)
  expect(figures['of these known within a minute']).toBe(figures['ends that nobody heard'])
})
