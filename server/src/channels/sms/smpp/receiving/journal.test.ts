/** What a process had taken when it died is known to the next one, and forgotten when nobody needs it any more. */
import { expect, test } from 'vitest'
import type { ProviderMessageId } from '../../../../model/ids.ts'
import { memoryVault } from '../../../conformance-stage.ts'
import { Journal } from './journal.ts'

const entry = (number: number) => ({ id: `in-${number}` as ProviderMessageId, mark: `mark ${number}` })

function setUp(entries = new Map<string, Uint8Array>()) {
  const world = { vaultIsAway: false, puts: 0 }
  const warned: string[] = []
  const silent = () => undefined
  const vault = memoryVault(entries)
  const journal = new Journal({
    vault: {
      ...vault,
      put: async (changes) => {
        world.puts += 1
        await Promise.resolve()
        if (world.vaultIsAway) throw new Error('The vault is away.')
        await vault.put(changes)
      },
    },
    log: { info: silent, warn: (_, message) => void warned.push(message), error: silent },
  })
  return { journal, entries, world, warned }
}

test('what is kept is there for the next process, and what is forgotten is not', async () => {
  const { journal, entries } = setUp()
  await Promise.all([1, 2, 3].map((number) => journal.keep(entry(number))))
  journal.forget(entry(2).id)
  await journal.keep(entry(4))
  expect(await setUp(entries).journal.load()).toEqual([1, 3, 4].map(entry))
})

test('what comes while one write is under way goes with the next one', async () => {
  const { journal, world, entries } = setUp()
  await Promise.all(Array.from({ length: 100 }, (_, number) => journal.keep(entry(number))))
  expect(world.puts).toBe(1)
  const first = journal.keep(entry(100))
  await Promise.resolve()
  await Promise.all([first, ...Array.from({ length: 99 }, (_, number) => journal.keep(entry(101 + number)))])
  expect(world.puts).toBe(3)
  expect(await setUp(entries).journal.load()).toHaveLength(200)
})

test('what could not be kept is told, and the next write goes through', async () => {
  const { journal, world, entries, warned } = setUp()
  world.vaultIsAway = true
  await expect(journal.keep(entry(1))).rejects.toThrow('away')
  journal.forget(entry(1).id)
  await expect(journal.keep(entry(2))).rejects.toThrow('away')
  expect(warned).toHaveLength(1)
  world.vaultIsAway = false
  await journal.keep(entry(3))
  expect(await setUp(entries).journal.load()).toEqual([entry(2), entry(3)])
})

test('only so many are kept, and what cannot be read harms nothing', async () => {
  const { journal, entries } = setUp(new Map([['heard', Buffer.from('{')]]))
  expect(await journal.load()).toEqual([])
  for (let number = 0; number <= 1_000; number += 1) await journal.keep(entry(number))
  const kept = await setUp(entries).journal.load()
  expect([kept.length, kept[0]]).toEqual([1_000, entry(1)])
})
