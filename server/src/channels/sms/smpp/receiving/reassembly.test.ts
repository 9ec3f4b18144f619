/** Long messages from their parts: in any order, across restarts, never twice, and never more of them than there is room for. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../../lib/clock.ts'
import { memoryVault } from '../../../conformance-stage.ts'
import { readAll } from '../content.ts'
import { type Joined, type Part, Reassembly } from './reassembly.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function setUp(entries = new Map<string, Uint8Array>()) {
  const told: Joined[] = []
  const warned: string[] = []
  let now = 1_000_000
  const world = { vaultIsAway: false, hostIsAway: false }
  const silent = () => undefined
  const clock: Clock = { now: () => now, monotonic: () => now, sleep: turn, defer: silent }
  const vault = memoryVault(entries)
  const reassembly = new Reassembly({
    clock,
    vault: {
      ...vault,
      put: async (changes) => {
        if (world.vaultIsAway) throw new Error('The vault is away.')
        await vault.put(changes)
      },
    },
    log: { info: silent, warn: (_, message) => void warned.push(message), error: silent },
    deliver: async (joined) => {
      if (world.hostIsAway) throw new Error('The host is away.')
      told.push(joined)
    },
  })
  const texts = () => told.map(({ pieces }) => readAll(pieces)).map((one) => ('text' in one ? one.text : '?'))
  return { reassembly, entries, told, warned, world, texts, pass: (ms: number) => (now += ms) }
}

function part(sequence: number, total: number, text: string, more: Partial<Part> & { reference?: string } = {}): Part {
  const { reference = 'short 1', ...rest } = more
  const written = { dataCoding: 1, octets: Buffer.from(text) }
  return { from: '+12025550177', to: '12025550100', place: { reference, total, sequence }, written, ...rest }
}

describe('a long message', () => {
  test('is told once all of it is there, in whatever order it came and however often', async () => {
    const order = fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 5 })
    await fc.assert(
      fc.asyncProperty(order, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), async (sequences, repeats) => {
        const { reassembly, texts, entries } = setUp()
        for (const [index, sequence] of sequences.entries()) {
          expect(texts()).toEqual([])
          await reassembly.take(part(sequence, 5, `<${sequence}>`))
          if (repeats[index] && index < 4) await reassembly.take(part(sequence, 5, `<${sequence}>`))
        }
        expect([texts(), entries.size]).toEqual([['<1><2><3><4><5>'], 0])
      }),
    )
  })

  test('is kept apart from those of others, to others, and with other references and totals', async () => {
    const { reassembly, texts } = setUp()
    const others = [{ from: '+12025550188' }, { to: '12025550199' }, { reference: 'long 1' }]
    await reassembly.take(part(1, 2, 'mine '))
    for (const [index, other] of others.entries()) await reassembly.take(part(2, 2, `other ${index}`, other))
    await reassembly.take(part(2, 3, 'another total'))
    await reassembly.take(part(2, 2, 'alone'))
    expect(texts()).toEqual(['mine alone'])
  })

  test('goes on after a restart, under the same id', async () => {
    const before = setUp()
    await before.reassembly.take(part(2, 3, 'two '))
    await before.reassembly.take(part(1, 3, 'one '))
    const ends = [setUp(new Map(before.entries)), setUp(new Map(before.entries))]
    for (const { reassembly } of ends) {
      await reassembly.load()
      await reassembly.take(part(3, 3, 'three'))
    }
    expect(ends.map(({ texts }) => texts())).toEqual([['one two three'], ['one two three']])
    expect(new Set(ends.map(({ told }) => told[0]?.id)).size).toBe(1)
  })

  test('is not acknowledged when it cannot be kept or told, and comes again', async () => {
    const { reassembly, texts, world, entries } = setUp()
    world.vaultIsAway = true
    await expect(reassembly.take(part(1, 2, 'one '))).rejects.toThrow('away')
    world.vaultIsAway = false
    await reassembly.take(part(1, 2, 'one '))
    world.hostIsAway = true
    await expect(reassembly.take(part(2, 2, 'two'))).rejects.toThrow('away')
    expect(entries.size).toBe(2)
    world.hostIsAway = false
    await reassembly.take(part(2, 2, 'two'))
    expect([texts(), entries.size]).toEqual([['one two'], 0])
  })

  test('whose reference is used again too early is handed on as far as it came', async () => {
    const { reassembly, texts, warned } = setUp()
    await reassembly.take(part(1, 2, 'first '))
    await reassembly.take(part(1, 2, 'second '))
    await reassembly.take(part(2, 2, 'whole'))
    expect([texts(), warned.length]).toEqual([['first ', 'second whole'], 1])
  })

  test('that never gets whole is handed on after five minutes', async () => {
    const { reassembly, texts, entries, pass } = setUp()
    await reassembly.take(part(3, 3, 'three'))
    await reassembly.take(part(1, 3, 'one '))
    const look = async () => {
      const stop = new AbortController()
      const watching = reassembly.watch(stop.signal)
      for (let turns = 0; turns < 5; turns += 1) await turn()
      stop.abort()
      await watching
    }
    pass(299_000)
    await look()
    expect(texts()).toEqual([])
    pass(1_000)
    await look()
    expect([texts(), entries.size]).toEqual([['one three'], 0])
  })
})

test('only so many are waited for: beyond them the oldest is handed on', async () => {
  const { reassembly, texts, entries } = setUp()
  for (let index = 0; index < 210; index += 1)
    await reassembly.take(part(1, 2, `${index}`, { reference: `long ${index}` }))
  expect(texts()).toEqual(Array.from({ length: 10 }, (_, index) => `${index}`))
  expect(entries.size).toBe(201)
  const large = setUp()
  const many = 'x'.repeat(60_000)
  for (let index = 0; index < 30; index += 1)
    await large.reassembly.take(part(1, 2, many, { reference: `long ${index}` }))
  expect(large.entries.size).toBeLessThan(12)
})

test('what cannot be read in the vault is forgotten, and harms nothing', async () => {
  const { reassembly, texts } = setUp(
    new Map([
      ['parts', Buffer.from('["part/a","part/b"]')],
      ['part/a', Buffer.from('{')],
    ]),
  )
  await reassembly.load()
  await reassembly.take(part(1, 2, 'fine '))
  await reassembly.take(part(2, 2, 'still'))
  expect(texts()).toEqual(['fine still'])
})
