/** Receivers of every kind that answer badly, and a gateway that is killed meanwhile: nothing missing, nothing out of order. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kinds } from './evidence.ts'
import { breaches, tally } from './judge.ts'
import { chaos } from './webhooks.ts'

const seed = Math.floor(Math.random() * 1_000_000)

/** A kill repeats what was under way, however short the run is: here that is a larger part of it. */
const duplicatesMax = 0.15

test('every event reaches every receiver', { timeout: 90_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-chaos-'))
  try {
    const { evidence, databaseKills } = await chaos({ dir, deliveries: 1_500, kills: 3, seed, restMs: 40_000 })
    expect(breaches(evidence, duplicatesMax), `seed ${seed}`).toEqual([])
    expect(evidence.kills).toBeGreaterThanOrEqual(3)
    expect(databaseKills).toBe(1)
    expect(new Set(evidence.hooks.map(({ kind }) => kind))).toEqual(new Set(kinds))
    const { deliveries, requests, refused, ordered } = tally(evidence)
    expect(deliveries).toBeGreaterThanOrEqual(1_500)
    // Some were answered badly, some refused, and some had something before them.
    expect(requests).toBeGreaterThan(deliveries)
    expect(refused).toBeGreaterThan(0)
    expect(ordered).toBeGreaterThan(0)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
