/** What was decrypted is handed over once the ratchet has turned for good, after a crash as well, and decrypted once. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../../test/support/hand-clock.ts'
import { systemClock } from '../../../lib/clock.ts'
import { memoryVault } from '../../conformance-stage.ts'
import { type Decrypted, Journal } from './journal.ts'
import { KeyStore } from './key-store.ts'
import { SignalKeys } from './signal-keys.ts'

const silent = { info() {}, warn() {}, error() {} }
const bytes = (text: string) => Buffer.from(text)

function setUp(entries = new Map<string, Uint8Array>()) {
  const vault = memoryVault(entries)
  const clock = createHandClock()
  const store = new KeyStore({ vault, clock, log: silent, signal: new AbortController().signal, lost() {} })
  const keys = new SignalKeys(store)
  const taken: string[] = []
  const errors: unknown[] = []
  const state = { isAway: false, isOver: false, decryptions: 0 }
  const journal = new Journal({
    ...{ vault, store, keys, clock },
    take: async ({ envelope, plaintext }: Decrypted) => {
      if (state.isAway) throw new Error('stopped')
      taken.push(`${envelope.id} ${Buffer.from(plaintext)}`)
    },
    onError: (error) => errors.push(error),
    isOver: () => state.isOver,
  })
  const decrypt = (text: string, id: string | null = text) =>
    journal.once(bytes(`sealed ${text}`), id === null ? null : { id }, async () => {
      state.decryptions += 1
      await keys.set({ session: { peer: bytes(text) } })
      return bytes(text)
    })
  const rows = () => [...entries.keys()].filter((key) => key.startsWith('journal/'))
  return { entries, journal, clock, taken, errors, state, decrypt, rows }
}

test('the text is kept with the turn of the ratchet, and handed over', async () => {
  const { decrypt, taken, rows, entries } = setUp()
  expect(bytes('one')).toEqual(await decrypt('one'))
  expect([taken, rows().length, entries.has('keys/session/peer')]).toEqual([['one one'], 1, true])
})

test('nothing is kept of what could not be read', async () => {
  const { journal, taken, rows } = setUp()
  const failing = journal.once(bytes('x'), { id: 'x' }, () => Promise.reject(new Error('bad MAC')))
  await expect(failing).rejects.toThrow('bad MAC')
  expect([taken, rows()]).toEqual([[], []])
})

test('what a link that has ended could not read is answered by nobody: it comes again', async () => {
  const { journal, state } = setUp()
  state.isOver = true
  const failing = journal.once(bytes('x'), { id: 'x' }, () => Promise.reject(new Error('This connection has ended.')))
  const answered = failing.then(
    () => 'answered',
    () => 'refused',
  )
  expect(await Promise.race([answered, systemClock.sleep(50).then(() => 'silent')])).toBe('silent')
})

test('the same ciphertext that comes again is answered without another turn, and not handed over again', async () => {
  const { decrypt, taken, state } = setUp()
  await decrypt('one')
  expect(await decrypt('one')).toEqual(bytes('one'))
  expect([taken, state.decryptions]).toEqual([['one one'], 1])
})

test('what an earlier process had decrypted and not handed over comes after the next start, in its order', async () => {
  const first = setUp()
  first.state.isAway = true
  for (const text of ['one', 'two', 'three']) await first.decrypt(text)
  expect([first.taken, first.errors.length]).toEqual([[], 3])
  const second = setUp(first.entries)
  await second.journal.resume()
  await expect.poll(() => second.taken).toEqual(['one one', 'two two', 'three three'])
  expect(await second.decrypt('two')).toEqual(bytes('two'))
  expect(second.state.decryptions).toBe(0)
})

test('what was taken is forgotten some minutes later, in heaps', async () => {
  const { decrypt, rows, clock } = setUp()
  for (let nth = 0; nth < 5; nth++) await decrypt(`text ${nth}`)
  await clock.advance(121_000)
  await decrypt('later')
  await expect.poll(rows).toHaveLength(1)
})

test('what came in no message is decrypted and told to nobody', async () => {
  const { decrypt, taken, rows } = setUp()
  await decrypt('secret', null)
  expect([taken, rows()]).toEqual([[], []])
})
