/** A file that is being removed belongs to whoever removes it for so long only: nothing is removed after that. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import type { CustomerId } from '../model/ids.ts'
import { createLibrary } from './library.ts'

test('what is taken to be removed and not begun in time is left for the next sweep, since it may be kept again by then', async () => {
  const clock = createHandClock()
  const customerId = 'customer' as CustomerId
  const old = ['a', 'b', 'c'].map((hash) => ({ customerId, hash, isShown: false }))
  const done: string[] = []
  const library = createLibrary({
    store: {
      keep: async () => true,
      get: async () => null,
      takeOld: async () => old.splice(0),
      forget: async (_customer, hash) => void done.push(`forgot ${hash}`),
    },
    storage: {
      place: async () => undefined,
      open: async () => null,
      pathOf: () => null,
      check: async () => undefined,
      // A store that hardly answers.
      async remove(name) {
        await clock.sleep(40_000)
        done.push(`removed ${name.at(-1)}`)
      },
    },
    spool: {
      take: () => Promise.reject(new Error('not used')),
      adopt: () => Promise.reject(new Error('not used')),
      path: () => Promise.reject(new Error('not used')),
      sweep: async () => 0,
    },
    look: () => Promise.reject(new Error('not used')),
    clock,
    keptMs: 1_000,
  })
  expect(await clock.during(library.sweep())).toBe(1)
  expect(done).toEqual(['removed a', 'forgot a'])
})
