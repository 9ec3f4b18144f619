/** What was sent is there for those who could not read it, the latest thousand of it, after a restart as well. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { memoryVault } from '../../conformance-stage.ts'
import { KeyStore } from './key-store.ts'
import { Sent } from './sent.ts'

test('the oldest makes way, and what is left is known to the next process', async () => {
  const entries = new Map<string, Uint8Array>()
  const vault = memoryVault(entries)
  const silent = { info() {}, warn() {}, error() {} }
  const signal = new AbortController().signal
  const store = new KeyStore({ vault, clock: systemClock, log: silent, signal, lost() {} })
  const sent = await Sent.open({ vault, store })
  for (let nth = 0; nth < 1_000; nth++) await sent.keep(`id-${nth}`, { conversation: `text ${nth}` })
  await sent.keep('id-0', { conversation: 'sent again' })
  await sent.keep('id-1000', { conversation: 'one more' })
  expect(entries.size).toBe(1_000)
  const next = await Sent.open({ vault, store })
  const texts = await Promise.all(
    ['id-0', 'id-1', 'id-2', 'id-1000'].map(async (id) => (await next.find(id))?.conversation),
  )
  expect(texts).toEqual(['sent again', undefined, 'text 2', 'one more'])
})
