/** Batches: what gathers travels together, in order, bounded, and one bad input does not spoil the others. */
import { expect, test } from 'vitest'
import { createBatch } from './batch.ts'

function setUp(
  options: {
    rowsMax?: number
    inFlightMax?: number
    waitingMax?: number
    run?: (inputs: readonly number[]) => Promise<readonly number[]>
  } = {},
) {
  const batches: (readonly number[])[] = []
  const deferred: (() => void)[] = []
  const call = createBatch<number, number>({
    clock: { defer: (work) => void deferred.push(work) },
    run: async (inputs) => {
      batches.push(inputs)
      return options.run === undefined ? inputs.map((input) => input * 10) : options.run(inputs)
    },
    rowsMax: options.rowsMax ?? 100,
    inFlightMax: options.inFlightMax ?? 1,
    waitingMax: options.waitingMax ?? 1_000,
    overloaded: () => new Error('overloaded'),
    isolates: (error) => error instanceof RangeError,
  })
  const turn = async () => {
    for (const work of deferred.splice(0)) work()
    for (let ticks = 0; ticks < 20; ticks++) await Promise.resolve()
  }
  return { call, batches, turn }
}

test('calls of one turn travel together and each gets its own answer', async () => {
  const { call, batches, turn } = setUp()
  const answers = Promise.all([call(1), call(2), call(3)])
  await turn()
  expect(await answers).toEqual([10, 20, 30])
  expect(batches).toEqual([[1, 2, 3]])
})

test('while all places are taken calls gather, and leave together when one is free', async () => {
  const gate = Promise.withResolvers<void>()
  const { call, batches, turn } = setUp({ run: async (inputs) => gate.promise.then(() => inputs) })
  const first = call(1)
  await turn()
  const rest = Promise.all([call(2), call(3)])
  await turn()
  expect(batches).toEqual([[1]])
  gate.resolve()
  await turn()
  await turn()
  expect(await first).toBe(1)
  expect(await rest).toEqual([2, 3])
  expect(batches).toEqual([[1], [2, 3]])
})

test('a batch takes at most so many rows', async () => {
  const { call, batches, turn } = setUp({ rowsMax: 2, inFlightMax: 2 })
  const answers = Promise.all([1, 2, 3].map(call))
  await turn()
  await answers
  expect(batches).toEqual([[1, 2], [3]])
})

test('an input that spoils its batch fails alone', async () => {
  const spoiling = async (inputs: readonly number[]) => {
    if (inputs.includes(2)) throw new RangeError('bad input')
    return inputs
  }
  const { call, batches, turn } = setUp({ run: spoiling })
  const answers = Promise.allSettled([call(1), call(2), call(3)])
  await turn()
  expect((await answers).map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(batches).toEqual([[1, 2, 3], [1], [2], [3]])
})

test('a failure that would only repeat itself is not repeated', async () => {
  const { call, batches, turn } = setUp({ run: async () => Promise.reject(new Error('database away')) })
  const answers = Promise.allSettled([call(1), call(2)])
  await turn()
  expect((await answers).map((one) => one.status)).toEqual(['rejected', 'rejected'])
  expect(batches).toEqual([[1, 2]])
})

test('more than can wait is refused at once', async () => {
  const { call, turn } = setUp({ waitingMax: 2 })
  const kept = Promise.all([call(1), call(2)])
  await expect(call(3)).rejects.toThrow('overloaded')
  await turn()
  await kept
})
