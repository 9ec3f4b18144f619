/** Receipts as SMSCs write them: by optional parameters, by text, tidy and untidy, and what each of them tells. */
import { describe, expect, test } from 'vitest'
import { decode, encode, type Pdu, tag } from '../pdu.ts'
import { comparableId, isReceipt, receiptOf } from './receipts.ts'

function pduWith(text: string, tags: ReadonlyMap<number, Uint8Array> = new Map(), extra = {}): Pdu {
  const body = { esmClass: 4, shortMessage: Buffer.from(text, 'latin1'), ...extra }
  const frame = decode(encode({ command: 'deliver_sm', sequence: 1 }, body, tags))
  if (!('pdu' in frame)) throw new Error('it is no PDU')
  return frame.pdu
}

const usual =
  'id:0123456789 sub:001 dlvrd:001 submit date:2611210003 done date:2611210004 stat:DELIVRD err:000 text:Hello'

describe('a receipt', () => {
  test('in the usual form tells the id, the outcome and the time', () => {
    const doneAt = new Date('2026-11-21T00:04:00Z')
    expect(receiptOf(pduWith(usual))).toEqual({ id: '0123456789', status: 'delivered', doneAt, detail: null })
  })

  test.each([
    ['seconds in its dates', usual.replace('2611210004', '261121000405'), '2026-11-21T00:04:05.000Z'],
    [
      'dates spelled together',
      usual.replace('submit date', 'submitdate').replace('done date', 'donedate'),
      '2026-11-21T00:04:00.000Z',
    ],
    ['an impossible date', usual.replace('2611210004', '2613450004'), undefined],
    ['no dates', 'id:0123456789 stat:DELIVRD', undefined],
    [
      'keys in another order and in capitals',
      'STAT:DELIVRD DONE DATE:2611210004 ID:0123456789',
      '2026-11-21T00:04:00.000Z',
    ],
  ])('with %s is understood', (_, text, at) => {
    const { id, status, doneAt } = receiptOf(pduWith(text))
    expect([id, status, doneAt?.toISOString()]).toEqual(['0123456789', 'delivered', at])
  })

  test.each([
    ['DELIVRD', 'delivered', null],
    ['EXPIRED', 'failed', 'off or out of reach'],
    ['DELETED', 'failed', 'deleted at the provider'],
    ['UNDELIV', 'failed', 'could not deliver'],
    ['REJECTD', 'failed', 'rejected'],
    ['ENROUTE', 'sent', null],
    ['ACCEPTD', 'sent', null],
    ['BUFFRED', 'sent', null],
    ['BUFFERD', 'sent', null],
    ['ACKED', 'sent', null],
    ['SCHEDULED', 'sent', null],
    ['UNKNOWN', 'sent', 'does not know'],
    ['WHATEVER', 'sent', 'WHATEVER'],
  ] as const)('that says %s means %s', (stat, status, words) => {
    const receipt = receiptOf(pduWith(usual.replace('DELIVRD', stat)))
    expect(receipt.status).toBe(status)
    if (words === null) expect(receipt.detail).toBeNull()
    else expect(receipt.detail).toContain(words)
  })

  test.each([
    [0, 'sent'],
    [1, 'sent'],
    [2, 'delivered'],
    [3, 'failed'],
    [4, 'failed'],
    [5, 'failed'],
    [6, 'sent'],
    [7, 'sent'],
    [8, 'failed'],
  ] as const)('is judged by message_state %i before its text', (state, status) => {
    const tags = new Map<number, Uint8Array>([
      [tag.receiptedMessageId, Buffer.from('other-id\0')],
      [tag.messageState, Buffer.of(state)],
    ])
    expect(receiptOf(pduWith(usual.replace('DELIVRD', 'EXPIRED'), tags))).toMatchObject({ id: 'other-id', status })
  })

  test('is judged by stat when its state is none that exists', () => {
    expect(receiptOf(pduWith(usual, new Map([[tag.messageState, Buffer.of(99)]]))).status).toBe('delivered')
  })

  test('tells the number of an error, and is not judged by it', () => {
    const undelivered = usual.replace('DELIVRD', 'UNDELIV').replace('err:000', 'err:001')
    expect(receiptOf(pduWith(undelivered)).detail).toContain('UNDELIV, err 001')
    expect(receiptOf(pduWith(usual.replace('err:000', 'err:777'))).status).toBe('delivered')
    const network = new Map([[tag.networkErrorCode, Buffer.of(3, 0x01, 0x02)]])
    expect(receiptOf(pduWith(undelivered, network)).detail).toContain('network error 258')
  })

  test('is not misled by the words of the message it is about', () => {
    const { id, status } = receiptOf(pduWith('id:1 stat:UNDELIV err:001 text:id:2 stat:DELIVRD'))
    expect([id, status]).toEqual(['1', 'failed'])
    expect(receiptOf(pduWith('id:1 text:stat:DELIVRD')).status).toBe('sent')
  })

  test('in the payload, or in UTF-16, is read as well', () => {
    const payload = new Map([[tag.messagePayload, Buffer.from(usual)]])
    expect(receiptOf(pduWith('', payload))).toMatchObject({ id: '0123456789', status: 'delivered' })
    const wide = Buffer.from('id:77 stat:EXPIRED', 'utf16le').swap16()
    expect(receiptOf(pduWith('', new Map(), { dataCoding: 8, shortMessage: wide }))).toMatchObject({
      id: '77',
      status: 'failed',
    })
  })

  test('that holds nothing tells nothing, and does no harm', () => {
    expect(receiptOf(pduWith(''))).toEqual({
      id: null,
      status: 'sent',
      doneAt: null,
      detail: expect.stringContaining('missing'),
    })
    expect(receiptOf(pduWith(`${' '.repeat(250)}id:`))).toMatchObject({ id: null })
  })
})

describe('what comes in is a receipt', () => {
  const named = new Map([[tag.receiptedMessageId, Buffer.from('1')]])
  const state = new Map<number, Uint8Array>([...named, [tag.messageState, Buffer.of(2)]])

  test.each([
    ['by its type', pduWith('', new Map(), { esmClass: 0x04 }), true],
    ['by its type of one on the way', pduWith('', new Map(), { esmClass: 0x20 }), true],
    ['by its type, with a header', pduWith('', new Map(), { esmClass: 0x44 }), true],
    ['because it names a message and its state', pduWith('', state, { esmClass: 0 }), true],
    ['because it names a message and says in words what became of it', pduWith(usual, named, { esmClass: 0 }), true],
    ['not because it names a message only', pduWith('Hello', named, { esmClass: 0 }), false],
    ['not because a person writes like one', pduWith(usual, new Map(), { esmClass: 0 }), false],
    ['not when a phone acknowledges something itself', pduWith('', new Map(), { esmClass: 0x08 }), false],
  ])('%s', (_, pdu, expected) => {
    expect(isReceipt(pdu)).toBe(expected)
  })
})

describe('ids', () => {
  test('are compared as they are unless one side writes them in hexadecimal', () => {
    expect(comparableId('0A1b', 'response', 'as-is')).toBe('0A1b')
    expect([
      comparableId('499602D2', 'response', 'response-hex'),
      comparableId('1234567890', 'receipt', 'response-hex'),
    ]).toEqual(['1234567890', '1234567890'])
    expect([comparableId('0012', 'response', 'receipt-hex'), comparableId('c', 'receipt', 'receipt-hex')]).toEqual([
      '12',
      '12',
    ])
  })

  test('that are no numbers stay what they are', () => {
    expect(comparableId('21ec8ad0-3f', 'response', 'response-hex')).toBe('21ec8ad0-3f')
    expect(comparableId('', 'receipt', 'response-hex')).toBe('')
  })
})
