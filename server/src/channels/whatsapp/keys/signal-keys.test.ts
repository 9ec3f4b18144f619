/** Transactions on the keys of a link: one at a time, whole, and nothing left of one that failed. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { memoryVault } from '../../conformance-stage.ts'
import type { Vault } from '../../connector.ts'
import { KeyStore, nextPreKeyAfter } from './key-store.ts'
import { SignalKeys } from './signal-keys.ts'

const silent = { info() {}, warn() {}, error() {} }
const session = (text: string) => Buffer.from(text)

function setUp(change: (vault: Vault) => Partial<Vault> = () => ({})) {
  const entries = new Map<string, Uint8Array>()
  const plain = memoryVault(entries)
  const vault = { ...plain, ...change(plain) }
  const over = new AbortController()
  let losses = 0
  const store = new KeyStore({
    ...{ vault, clock: systemClock, log: silent, signal: over.signal },
    lost: () => {
      losses += 1
    },
  })
  return { entries, vault, store, keys: new SignalKeys(store), over, losses: () => losses }
}

const read = async (keys: SignalKeys, id: string) => {
  const { [id]: value } = await keys.get('session', [id])
  return value === undefined ? null : Buffer.from(value).toString()
}

test('every kind of value comes back as it went', async () => {
  const { store } = setUp()
  const pair = { public: Buffer.from([1]), private: Buffer.from([2]) }
  await store.set({
    'pre-key': { '7': pair },
    session: { a: session('s') },
    'sender-key-memory': { g: { 'x@lid': true } },
    'lid-mapping': { '1': '2' },
    'device-list': { '1': ['0', '3'] },
    'app-state-sync-key': { k: { keyData: Buffer.from([9]), timestamp: 5 } },
  })
  expect(await store.get('pre-key', ['7', '8'])).toEqual({ '7': pair })
  expect(await store.get('sender-key-memory', ['g'])).toEqual({ g: { 'x@lid': true } })
  expect(await store.get('device-list', ['1'])).toEqual({ '1': ['0', '3'] })
  expect((await store.get('app-state-sync-key', ['k'])).k?.keyData).toEqual(Buffer.from([9]))
  await store.set({ 'lid-mapping': { '1': null } })
  expect(await store.get('lid-mapping', ['1'])).toEqual({})
})

test('what a transaction wrote is seen in it at once, outside only when it is whole, and never if it failed', async () => {
  const { keys, entries } = setUp()
  await keys.set({ session: { a: session('before') } })
  const seen: (string | null)[] = []
  await keys.transaction(async () => {
    await keys.set({ session: { a: session('after') } })
    seen.push(await read(keys, 'a'))
    expect(Buffer.from(entries.get('keys/session/a') ?? []).toString()).toContain(session('before').toString('base64'))
  })
  seen.push(await read(keys, 'a'))
  const failing = keys.transaction(async () => {
    await keys.set({ session: { a: null } })
    throw new Error('not genuine')
  })
  await expect(failing).rejects.toThrow('not genuine')
  seen.push(await read(keys, 'a'))
  expect(seen).toEqual(['after', 'after', 'after'])
})

test('transactions of one link never meet, whatever they are called', async () => {
  const { keys } = setUp()
  await keys.set({ session: { count: session('0') } })
  const step = (label: string) =>
    keys.transaction(async () => {
      const count = Number(await read(keys, 'count'))
      await systemClock.sleep(1)
      await keys.set({ session: { count: session(String(count + 1)) } })
    }, label)
  await Promise.all(Array.from({ length: 30 }, (_, nth) => step(`chat ${nth}`)))
  expect(await read(keys, 'count')).toBe('30')
})

test('one within another is a part of it, and a note is kept with both or not at all', async () => {
  const { keys, entries } = setUp()
  await keys.transaction(async () => {
    await keys.transaction(() => keys.set({ session: { a: session('x') } }))
    expect(entries.size).toBe(0)
    keys.note({ 'journal/1': session('text') })
  })
  expect([...entries.keys()].sort()).toEqual(['journal/1', 'keys/session/a'])
  expect(() => keys.note({ 'journal/2': session('text') })).toThrow('no transaction')
})

test('a vault that is away is asked until it has taken it; nobody goes on before', async () => {
  let refusals = 3
  const { keys, entries } = setUp((vault) => ({
    put: async (changes) => {
      refusals -= 1
      if (refusals >= 0) throw new Error('The database is away.')
      await vault.put(changes)
    },
  }))
  await keys.transaction(() => keys.set({ session: { a: session('x') } }))
  expect([entries.size, refusals]).toEqual([1, -1])
})

test('one that cannot be read is asked until it can: what is not known is not taken for what is not there', async () => {
  let refusals = 2
  const { keys } = setUp((vault) => ({
    getAll: async (names) => {
      refusals -= 1
      if (refusals >= 0) throw new Error('The database is away.')
      return vault.getAll(names)
    },
  }))
  await keys.set({ session: { a: session('x') } })
  expect([await read(keys, 'a'), refusals]).toEqual(['x', -1])
})

test('who does not hold the line any more writes nothing, and the link is told once per try', async () => {
  const lost = Object.assign(new Error('Another process holds this line now.'), { name: 'LinkLost' })
  const { keys, losses } = setUp(() => ({ put: () => Promise.reject(lost) }))
  await expect(keys.set({ session: { a: session('x') } })).rejects.toBe(lost)
  expect(losses()).toBe(1)
})

test('a link that has ended waits for no vault', async () => {
  const { keys, over } = setUp(() => ({ put: () => Promise.reject(new Error('The database is away.')) }))
  const writing = keys.set({ session: { a: session('x') } })
  over.abort()
  await expect(writing).rejects.toThrow('ended')
})

test('the highest id of a key that was ever made is kept with the key', async () => {
  const { store, vault } = setUp()
  expect(await nextPreKeyAfter(vault)).toBe(1)
  const pair = { public: Buffer.from([1]), private: Buffer.from([2]) }
  await store.set({ 'pre-key': { '811': pair, '812': pair, '9': pair } })
  await store.set({ 'pre-key': { '812': null } })
  expect(await nextPreKeyAfter(vault)).toBe(813)
})
