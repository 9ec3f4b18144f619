/** A link over HTTP: when it is up, when it is not, and how patiently it comes back. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import type { LinkState } from '../model/line.ts'
import { createWatch, type Proof } from './watch.ts'

const fine: Proof = { ok: true, warnings: [] }
const broken: Proof = { ok: false, reason: 'close_connect', detail: 'x', retryAfterMs: null }

function scene(proofs: Proof[]) {
  const clock = createHandClock()
  const states: LinkState[] = []
  const work = { running: 0 }
  const pace = { proofMs: 0 }
  const silent = () => undefined
  const watch = createWatch({
    clock,
    chance: () => 0.999_999,
    host: { setState: (state) => void states.push(state), log: { info: silent, warn: silent, error: silent } },
    identity: 'me',
    prove: async () => {
      if (pace.proofMs > 0) await clock.sleep(pace.proofMs)
      return proofs.shift() ?? fine
    },
    whileUp: async (signal) => {
      work.running += 1
      await clock.sleep(10 ** 9, signal)
      work.running -= 1
    },
  })
  const told = () => states.map((state) => (state.status === 'disconnected' ? state.reason : state.status))
  const waits = () => states.flatMap((state) => (state.status === 'disconnected' ? [state.retryAt] : []))
  return { clock, watch, told, waits, work, pace, states }
}

test('waits longer with every failure, up to a minute, and is up again as soon as it can be', async () => {
  const { clock, watch, told, waits } = scene([...Array.from({ length: 8 }, () => broken), fine])
  await watch.start()
  await clock.advance(10 * 60_000)
  expect(told()).toEqual([
    ...Array.from({ length: 8 }, () => ['connecting', 'close_connect']).flat(),
    'connecting',
    'connected',
  ])
  const at = waits().map((text) => Date.parse(text ?? ''))
  expect(at.slice(1).map((ms, index) => ms - (at[index] ?? 0))).toEqual([
    2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
  ])
  await watch.stop()
})

test('looks again every minute, and at once when in doubt', async () => {
  const { clock, watch, told, work } = scene([fine, fine, broken])
  await watch.start()
  expect(work.running).toBe(1)
  await clock.advance(59_999)
  expect(watch.isUp).toBe(true)
  await clock.advance(1)
  expect(watch.isUp).toBe(true)
  watch.doubt()
  await clock.advance(0)
  expect([watch.isUp, work.running]).toEqual([false, 0])
  await clock.advance(1_000)
  expect(told()).toEqual(['connecting', 'connected', 'close_connect', 'connecting', 'connected'])
  await watch.stop()
  expect([work.running, clock.sleepers, told().at(-1)]).toEqual([0, 0, 'stopped'])
})

test('looks once more when a doubt comes up while it looks', async () => {
  const { clock, watch, pace } = scene([fine, fine, broken])
  await watch.start()
  pace.proofMs = 1_000
  watch.doubt()
  await clock.advance(500)
  watch.doubt()
  await clock.advance(500)
  expect(watch.isUp).toBe(true)
  await clock.advance(1_000)
  expect(watch.isUp).toBe(false)
  await watch.stop()
})

test('tells of new warnings without letting go', async () => {
  const { clock, watch, states } = scene([fine, { ok: true, warnings: ['no credit'] }])
  await watch.start()
  await clock.advance(180_000)
  expect(states.slice(1)).toMatchObject([
    { status: 'connected', warnings: [] },
    { status: 'connected', warnings: ['no credit'] },
    { status: 'connected', warnings: [] },
  ])
  await watch.stop()
})

test('waits as long as it is told to', async () => {
  const { clock, watch, waits } = scene([{ ...broken, reason: 'close_401', retryAfterMs: 60_000 }])
  await watch.start()
  expect(Date.parse(waits()[0] ?? '') - clock.now()).toBe(60_000)
  await watch.stop()
})

test('survives a proof that throws', async () => {
  const { clock, watch, told } = scene([])
  const thrower = createWatch({
    clock,
    chance: () => 0,
    host: { setState: () => undefined, log: { info() {}, warn() {}, error() {} } },
    identity: 'me',
    prove: () => Promise.reject(new Error('a mistake')),
    whileUp: async () => undefined,
  })
  await thrower.start()
  expect(thrower.isUp).toBe(false)
  await thrower.stop()
  expect([clock.sleepers, told(), watch.isUp]).toEqual([0, [], false])
})
