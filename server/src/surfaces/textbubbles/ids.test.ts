/** Ids and cursors: what is well formed goes through, everything else names nothing or is refused. */
import { describe, expect, test } from 'vitest'
import { conversationIdOf, cursorOf, eventIdOf, messageIdOf, wireCursor } from './ids.ts'

const uuid = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const nobody = '00000000-0000-0000-0000-000000000000'

describe('an id', () => {
  test('is read with its prefix, in any case', () => {
    expect(messageIdOf(`msg_${uuid}`)).toBe(uuid)
    expect(messageIdOf(`msg_${uuid.toUpperCase()}`)).toBe(uuid)
    expect(eventIdOf(`evt_${uuid}`)).toBe(uuid)
    expect(conversationIdOf(uuid)).toBe(uuid)
  })

  test.each(['', uuid, `evt_${uuid}`, `MSG_${uuid}`, `msg_${uuid} `, `msg_${uuid}\n`, 'msg_1', `msg_${uuid.slice(1)}`])(
    '%j is nobody',
    (text) => {
      expect(messageIdOf(text)).toBe(nobody)
    },
  )
})

describe('a cursor', () => {
  test('comes back as it went', () => {
    expect(cursorOf(wireCursor(uuid))).toBe(uuid)
    expect(wireCursor(uuid)).toMatch(/^[\w-]+$/)
    expect(cursorOf(undefined)).toBeNull()
  })

  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  test.each([
    ...[
      '',
      '!',
      'AAAA',
      encoded(null),
      encoded([]),
      encoded(7),
      encoded({}),
      encoded({ v: 1 }),
      encoded({ v: 2, after: uuid }),
    ],
    ...[encoded({ v: 1, after: 7 }), encoded({ v: 1, after: `${uuid}' or 1=1` }), encoded({ v: '1', after: uuid })],
  ])('%j is refused', (cursor) => {
    expect(() => cursorOf(cursor)).toThrow(
      expect.objectContaining({ code: 'VALIDATION_ERROR', details: [expect.objectContaining({ path: 'cursor' })] }),
    )
  })
})
