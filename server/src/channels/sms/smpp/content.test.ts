/** What is said, as octets: in all codings, with the headers of parts, and whole again on the other side. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { smsTextOf } from '../../../model/sms-text.ts'
import { contentOf, piecesOf, readAll, type Written } from './content.ts'
import { decode, encode, type Pdu, tag } from './pdu.ts'

function pduOf(body: Partial<Pdu['body']>, tags: Pdu['tags'] = new Map()): Pdu {
  const frame = decode(encode({ command: 'deliver_sm', sequence: 1 }, body, tags))
  if (!('pdu' in frame)) throw new Error('it is no PDU')
  return frame.pdu
}

const read = (dataCoding: number, octets: Uint8Array) => readAll([{ dataCoding, octets }])

describe('a text', () => {
  test.each(['udh', 'sar', 'payload'] as const)('is the same on the other side, with concat=%s', (concat) => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      fc.string({ unit: fc.constantFrom('a', '€', '{', 'é', '\n'), maxLength: 900 }),
    )
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 0xffff }), (text, reference) => {
        const cut = smsTextOf(text)
        const heard = piecesOf(cut, concat, reference).map(({ body, tags }) => contentOf(pduOf(body, tags)))
        expect(readAll(heard.map(({ written }) => written))).toEqual({ text })
        const isAlone = heard.length === 1
        for (const [index, { place }] of heard.entries()) {
          if (isAlone) expect(place).toBeNull()
          else expect(place).toMatchObject({ total: cut.parts.length, sequence: index + 1 })
        }
        expect(new Set(heard.map(({ place }) => place?.reference)).size).toBe(1)
      }),
    )
  })

  test('goes out in the octets that phones expect', () => {
    const [piece] = piecesOf(smsTextOf('@{€'), 'udh', 1)
    expect([...(piece?.body.shortMessage ?? [])]).toEqual([0x00, 0x1b, 0x28, 0x1b, 0x65])
    const [wide] = piecesOf(smsTextOf('ё'), 'udh', 1)
    expect([wide?.body.dataCoding, ...(wide?.body.shortMessage ?? [])]).toEqual([8, 0x04, 0x51])
    const parts = piecesOf(smsTextOf('x'.repeat(161)), 'udh', 0x1ff)
    expect(parts.map(({ body }) => [body.esmClass, ...body.shortMessage.subarray(0, 6)])).toEqual([
      [0x40, 5, 0, 3, 0xff, 2, 1],
      [0x40, 5, 0, 3, 0xff, 2, 2],
    ])
  })
})

describe('what comes in', () => {
  test.each([
    [0, [0x00, 0x1b, 0x65], '@€'],
    [1, [0x41, 0x7e], 'A~'],
    [3, [0xe9], 'é'],
    [5, [0x83, 0x65], 'テ'],
    [6, [0xb6], 'Ж'],
    [7, [0xe0], 'א'],
    [8, [0xd8, 0x3d, 0xde, 0x42], '🙂'],
    [8, [0xfe, 0xff, 0x00, 0x41], '\ufeffA'],
    [8, [0x00, 0x41, 0x00], 'A\ufffd'],
    [14, [0xb0, 0xa1], '가'],
    [0x10, [0x00], '@'],
    [0x18, [0x00, 0x41], 'A'],
    [0xc0, [0x00], '@'],
    [0xe0, [0x00, 0x41], 'A'],
    [0xf1, [0x00], '@'],
  ])('in coding %i is read', (coding, octets, text) => {
    expect(read(coding, Uint8Array.from(octets))).toEqual({ text })
  })

  test.each([2, 4, 0x14, 0xf5])('in coding %i is no text, and stays what it is', (coding) => {
    expect(read(coding, Uint8Array.of(1, 2, 3))).toEqual({ binary: Buffer.of(1, 2, 3) })
  })

  test('is joined before it is read, so that a part may end within a character', () => {
    const pieces: Written[] = [
      { dataCoding: 8, octets: Uint8Array.of(0x00, 0x41, 0xd8, 0x3d) },
      { dataCoding: 8, octets: Uint8Array.of(0xde, 0x42) },
      { dataCoding: 0, octets: Uint8Array.of(0x1b) },
      { dataCoding: 0, octets: Uint8Array.of(0x65) },
    ]
    expect(readAll(pieces)).toEqual({ text: 'A🙂€' })
  })

  test('says which part it is, with short references, long ones, and optional parameters', () => {
    const headed = (header: number[]) =>
      contentOf(pduOf({ esmClass: 0x40, shortMessage: Buffer.from([...header, 65]) }))
    expect(headed([5, 0, 3, 7, 3, 2])).toMatchObject({ place: { reference: 'short 7', total: 3, sequence: 2 } })
    expect(headed([6, 8, 4, 1, 2, 3, 1])).toMatchObject({ place: { reference: 'long 258', total: 3, sequence: 1 } })
    // Behind another element: a port, for instance.
    expect(headed([11, 5, 4, 0, 1, 0, 2, 0, 3, 9, 2, 1])).toMatchObject({ place: { reference: 'short 9', total: 2 } })
    const tags = new Map([
      [tag.sarReference, Buffer.of(1, 2)],
      [tag.sarTotal, Buffer.of(2)],
      [tag.sarSequence, Buffer.of(1)],
    ])
    expect(contentOf(pduOf({ shortMessage: Buffer.from('A') }, tags)).place).toEqual({
      reference: 'sar 0102',
      total: 2,
      sequence: 1,
    })
    expect(Buffer.from(headed([5, 0, 3, 7, 3, 2]).written.octets).toString()).toBe('A')
  })

  test.each([
    ['of one part', [5, 0, 3, 7, 1, 1]],
    ['numbered from nought', [5, 0, 3, 7, 2, 0]],
    ['beyond its total', [5, 0, 3, 7, 2, 3]],
    ['of no length', [0]],
    ['cut off within an element', [2, 0, 3]],
  ])('with a header %s is a message by itself', (_, header) => {
    expect(contentOf(pduOf({ esmClass: 0x40, shortMessage: Buffer.from(header) })).place).toBeNull()
  })

  test('with a header longer than itself keeps all its octets', () => {
    const { written, place } = contentOf(pduOf({ esmClass: 0x40, shortMessage: Buffer.from('hello') }))
    expect([Buffer.from(written.octets).toString(), place]).toEqual(['hello', null])
  })
})
