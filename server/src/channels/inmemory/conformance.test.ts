/** The in-memory network keeps the contract on all three channels, quietly and with faults that no caller may notice. */
import { describe, expect, test } from 'vitest'
import { inMemoryHarness } from '../../../test/support/inmemory-harness.ts'
import { channels } from '../../model/channel.ts'
import { conformance, promisesOf } from '../conformance.ts'

for (const channel of channels) conformance({ describe, test }, inMemoryHarness(channel))

describe('the suite', () => {
  test('holds each channel to what it claims, and to no less', () => {
    const missing = (channel: (typeof channels)[number]) => {
      const held = new Set(promisesOf(inMemoryHarness(channel)).map(({ name }) => name))
      return promisesOf(inMemoryHarness('whatsapp'))
        .map(({ name }) => name)
        .filter((name) => !held.has(name))
    }
    const pairing = [
      'shows a code when it has to be paired, and connects once it is',
      'keeps credentials only in the vault',
      'forgets its credentials on forgetPairing',
    ]
    expect(promisesOf(inMemoryHarness('whatsapp'))).toHaveLength(32)
    // Only iMessage can be asked what became of a send.
    expect(promisesOf(inMemoryHarness('whatsapp', { knowsOutcomes: ['whatsapp'] }))).toHaveLength(35)
    expect(promisesOf(inMemoryHarness('imessage'))).toHaveLength(31)
    expect(missing('imessage')).toEqual([...pairing, 'does not double a send with the same ref'])
    expect(missing('sms')).toEqual([
      ...pairing,
      'does not double a send with the same ref',
      'reports our own message as an echo of its ref',
      'tells when a message was delivered',
      'writes into a group and hears from it',
    ])
  })
})
