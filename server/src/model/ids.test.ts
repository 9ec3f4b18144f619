/** A ref leads back to its message, and no two messages, channels or generations share one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { channels } from './channel.ts'
import { clientRef, type MessageId, messageOfRef } from './ids.ts'

const anyMessage = fc.uuid().map((id) => id as MessageId)
const anyUse = fc.record({ message: anyMessage, channel: fc.constantFrom(...channels), generation: fc.nat() })

describe('a client ref', () => {
  test('is derived: the same use always gives the same ref, safe for any network', () => {
    const message = '0199f2a4-7c1e-7abc-8def-0123456789ab' as MessageId
    expect(clientRef(message, 'imessage', 0)).toBe('0199f2a47c1e7abc8def0123456789abi0')
    expect(clientRef(message, 'whatsapp', 35)).toBe('0199f2a47c1e7abc8def0123456789abwz')
    expect(clientRef(message, 'sms', 36)).toBe('0199f2a47c1e7abc8def0123456789abs10')
  })

  test('leads back to its message', () => {
    fc.assert(
      fc.property(anyUse, ({ message, channel, generation }) => {
        expect(messageOfRef(clientRef(message, channel, generation))).toBe(message)
      }),
    )
  })

  test('is shared by no other use', () => {
    fc.assert(
      fc.property(anyUse, anyUse, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other)
        const refs = [one, other].map(({ message, channel, generation }) => clientRef(message, channel, generation))
        expect(refs[0] === refs[1]).toBe(isSame)
      }),
    )
  })

  test.each([
    ['', 'nothing'],
    ['0199f2a47c1e7abc8def0123456789ab', 'no channel'],
    ['0199f2a47c1e7abc8def0123456789abi', 'no generation'],
    ['0199f2a47c1e7abc8def0123456789abx0', 'a channel nobody has'],
    ['0199F2A47C1E7ABC8DEF0123456789ABi0', 'capitals'],
    ['0199f2a4-7c1e-7abc-8def-0123456789abi0', 'hyphens'],
    [' 0199f2a47c1e7abc8def0123456789abi0', 'a space before'],
    ['0199f2a47c1e7abc8def0123456789abi0\n', 'a line break after'],
    ['3EB0538DA65A59F6D8A251', 'an id of somebody else'],
  ])('is not seen in %j (%s)', (text) => {
    expect(messageOfRef(text)).toBeNull()
  })

  test('is never seen where it is not, and nothing makes the search throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const found = messageOfRef(text)
        if (found !== null) expect(text.startsWith(found.replaceAll('-', ''))).toBe(true)
      }),
    )
  })
})
