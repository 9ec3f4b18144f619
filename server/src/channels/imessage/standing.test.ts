/** What an operator is told of a Mac, and which of them cannot be used. */
import { describe, expect, test } from 'vitest'
import type { Standing } from './backend.ts'
import { proofOf, warningsOf } from './standing.ts'

const fine: Standing = {
  serverVersion: '1.9.9',
  macos: 14,
  privateApi: 'connected',
  imessage: 'owner@example.com',
  icloud: 'owner@example.com',
  aliases: null,
}

describe('what is wrong with a Mac', () => {
  test.each([
    [{}, []],
    [{ privateApi: 'off' }, ['Private API is disabled']],
    [{ privateApi: 'unconnected' }, ['Private API helper is not connected']],
    [{ imessage: null }, ['No iMessage account detected']],
    [{ icloud: null }, ['No iCloud account detected']],
    [
      { privateApi: 'off', imessage: null, icloud: null },
      ['Private API is disabled', 'No iMessage account detected', 'No iCloud account detected'],
    ],
  ] as const)('%o: %j', (changed, warnings) => {
    expect(warningsOf({ ...fine, ...changed })).toEqual(warnings)
    expect(proofOf({ ...fine, ...changed })).toEqual({ ok: true, warnings })
  })
})

describe('which servers can be used', () => {
  test.each(['1.9.9', 'v1.9.9', '1.9.10', '1.10.0', '2.0.0', '1.9.9-beta.1', '', 'unknown'])('%j can', (version) => {
    expect(proofOf({ ...fine, serverVersion: version }).ok).toBe(true)
  })

  test.each(['1.9.8', '1.8.20', '0.9.9'])('%j is too old, and the operator is told what to do', (version) => {
    const proof = proofOf({ ...fine, serverVersion: version })
    expect(proof).toMatchObject({ ok: false, reason: 'close_version' })
    expect(proof.ok ? '' : proof.detail).toContain('Update it on the Mac')
  })
})
