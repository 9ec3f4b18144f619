/** Who may run at the same time, and in which order the others follow. */
import { expect, test } from 'vitest'
import { createPlaces, inPlaces, type Tool } from './tool.ts'

/** Works that end when they are told to. */
function works(places: ReturnType<typeof createPlaces>) {
  const running: string[] = []
  const ends = new Map<string, () => void>()
  const start = (name: string, long = false) =>
    places.run(async () => {
      running.push(name)
      await new Promise<void>((resolve) => ends.set(name, resolve))
      running.splice(running.indexOf(name), 1)
    }, long)
  const end = async (name: string, done: Promise<unknown>) => {
    ends.get(name)?.()
    await done
    await Promise.resolve()
  }
  return { running, start, end }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('two at once, the others in their order', async () => {
  const { running, start, end } = works(createPlaces(2))
  const jobs = ['a', 'b', 'c', 'd'].map((name) => start(name))
  await settled()
  expect(running).toEqual(['a', 'b'])
  await end('b', jobs[1]!)
  await settled()
  expect(running).toEqual(['a', 'c'])
  await end('a', jobs[0]!)
  await settled()
  expect(running).toEqual(['c', 'd'])
})

test('long work takes one place at most, so that short work goes on beside it', async () => {
  const { running, start, end } = works(createPlaces(2))
  const first = start('film', true)
  const second = start('another film', true)
  const voice = start('voice')
  await settled()
  expect(running).toEqual(['film', 'voice'])
  await end('voice', voice)
  await settled()
  expect(running).toEqual(['film'])
  await end('film', first)
  await settled()
  expect(running).toEqual(['another film'])
  await end('another film', second)
})

test('what fails gives its place back', async () => {
  const places = createPlaces(1)
  await expect(places.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await expect(places.run(async () => 'yes')).resolves.toBe('yes')
})

test('a tool takes a place for every job, a long one by its limit', async () => {
  const taken: (boolean | undefined)[] = []
  const tool: Tool = {
    ...{ name: 'wasm', preset: 'ultrafast' },
    convert: async () => ({ did: 'convert', said: '' }),
    describe: async () => null,
  }
  const placed = inPlaces(tool, {
    run(work, long) {
      taken.push(long)
      return work()
    },
  })
  const conversion = (wallMs: number) => ({ path: '', before: [], after: [], out: '', limits: { wallMs, bytesMax: 1 } })
  await placed.convert(conversion(120_000))
  await placed.convert(conversion(120_001))
  await placed.describe({ path: '', before: [], wallMs: 1 })
  expect(taken).toEqual([false, true, undefined])
})
