/** Killed before and after every kind of statement, commit and call of the walks, all promises hold. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { kindsOf, openBench, pointsOf, prepare, sweep } from './boundaries.ts'

test('no kind of boundary is a bad place to die', { timeout: 240_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-boundaries-'))
  const ground = await prepare(inject('postgres'), dir)
  const benches = [openBench(dir, 1), openBench(dir, 2)] as const
  try {
    const kinds = kindsOf(await pointsOf(ground, benches[0]))
    const wanted = kinds.length
    const killed: string[] = []
    const work = async (bench: (typeof benches)[number]) => {
      // Some come up only when the walk has not been disturbed before: a few sweeps find them all.
      for (let round = 0; round < 12 && kinds.length > 0; round++) {
        const { kills, violations } = await sweep(ground, bench, kinds)
        expect(violations, JSON.stringify(kills)).toEqual([])
        killed.push(...kills.map(({ name, side }) => `${side} ${name}`))
      }
    }
    await Promise.all(benches.map(work))
    expect(wanted).toBeGreaterThan(80)
    expect(kinds.map(({ name, side }) => `${side} ${name}`)).toEqual([])
    expect(new Set(killed).size).toBe(wanted)
  } finally {
    for (const bench of benches) bench.close()
    rmSync(dir, { recursive: true, force: true })
  }
})
