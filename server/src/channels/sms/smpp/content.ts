/** What is said in an SMPP message: text into octets and back, and the headers that make several parts one message. */
import { gsmOctets, type SmsText, textOfGsmOctets } from '../../../model/sms-text.ts'
import { type Body, type Pdu, shortMessageBytesMax, tag } from './pdu.ts'
import type { SmppSettings } from './settings.ts'

/** One submit: what it adds to the addresses. */
export interface Piece {
  body: Pick<Body, 'esmClass' | 'dataCoding' | 'shortMessage'>
  tags: ReadonlyMap<number, Uint8Array>
}

const esm = { header: 0x40 }
const coding = { gsm: 0, ascii: 1, latin: 3, utf16: 8 }
/** Information elements that say which part of a message this is, with a reference of one or of two octets. */
const concatenation = { short: 0x00, long: 0x08 }

/** `reference` tells the parts of this message from those of others to the same phone. */
export function piecesOf({ encoding, parts }: SmsText, concat: SmppSettings['concat'], reference: number): Piece[] {
  const dataCoding = encoding === 'gsm7' ? coding.gsm : coding.utf16
  const octetsOf = encoding === 'gsm7' ? gsmOctets : utf16Octets
  const plain = (octets: Uint8Array): Piece => ({
    body: { esmClass: 0, dataCoding, shortMessage: octets },
    tags: new Map(),
  })
  if (parts.length === 1) return parts.map((part) => plain(octetsOf(part)))
  if (concat === 'payload') {
    const whole = octetsOf(parts.join(''))
    if (whole.length <= shortMessageBytesMax) return [plain(whole)]
    return [{ ...plain(new Uint8Array(0)), tags: new Map([[tag.messagePayload, whole]]) }]
  }
  return parts.map((part, index) => {
    const { body } = plain(octetsOf(part))
    const [total, sequence] = [parts.length, index + 1]
    if (concat === 'sar') return { body, tags: sarTags(reference, total, sequence) }
    const header = [5, concatenation.short, 3, reference & 0xff, total, sequence]
    const shortMessage = Buffer.concat([Buffer.from(header), body.shortMessage])
    return { body: { ...body, esmClass: esm.header, shortMessage }, tags: new Map() }
  })
}

function sarTags(reference: number, total: number, sequence: number): ReadonlyMap<number, Uint8Array> {
  return new Map([
    [tag.sarReference, Buffer.of((reference >> 8) & 0xff, reference & 0xff)],
    [tag.sarTotal, Buffer.of(total)],
    [tag.sarSequence, Buffer.of(sequence)],
  ])
}

function utf16Octets(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16()
}

/** Octets with what they mean: they are joined before they are read, since a part may end within a character. */
export interface Written {
  dataCoding: number
  octets: Uint8Array
}

/** Which part of which message this is; the reference is unlike that of parts which say so in another way. */
export interface Place {
  reference: string
  total: number
  sequence: number
}

/** What came in, without its headers. */
export function contentOf({ body, tags }: Pdu): { written: Written; place: Place | null } {
  const payload = tags.get(tag.messagePayload)
  const whole = body.shortMessage.length === 0 && payload !== undefined ? payload : body.shortMessage
  const headerEnd = (body.esmClass & esm.header) === 0 || whole.length === 0 ? 0 : 1 + (whole[0] ?? 0)
  // A header that is longer than all there is, is none.
  const hasHeader = headerEnd > 0 && headerEnd <= whole.length
  const place = (hasHeader ? placeInHeader(whole.subarray(1, headerEnd)) : null) ?? placeInTags(tags)
  const octets = hasHeader ? whole.subarray(headerEnd) : whole
  return { written: { dataCoding: body.dataCoding, octets }, place }
}

function placeInHeader(header: Uint8Array): Place | null {
  for (let at = 0; at + 2 <= header.length; ) {
    const [kind, length] = [header[at] ?? 0, header[at + 1] ?? 0]
    const data = header.subarray(at + 2, at + 2 + length)
    if (kind === concatenation.short && data.length === 3) {
      return placeFor(`short ${data[0]}`, data[1], data[2])
    }
    if (kind === concatenation.long && data.length === 4) {
      return placeFor(`long ${256 * (data[0] ?? 0) + (data[1] ?? 0)}`, data[2], data[3])
    }
    at += 2 + length
  }
  return null
}

function placeInTags(tags: Pdu['tags']): Place | null {
  const reference = tags.get(tag.sarReference)
  if (reference === undefined || reference.length === 0) return null
  const named = `sar ${Buffer.from(reference).toString('hex').slice(0, 8)}`
  return placeFor(named, tags.get(tag.sarTotal)?.at(-1), tags.get(tag.sarSequence)?.at(-1))
}

/** Null for a message of one part, and for numbers that cannot be. */
function placeFor(reference: string, total = 0, sequence = 0): Place | null {
  return total > 1 && sequence >= 1 && sequence <= total ? { reference, total, sequence } : null
}

type Reading =
  | 'gsm'
  | 'utf-16be'
  | 'binary'
  | 'iso-8859-1'
  | 'iso-8859-5'
  | 'iso-8859-8'
  | 'shift_jis'
  | 'iso-2022-jp'
  | 'euc-kr'

/** SMPP 3.4, section 5.2.19. What is not here is told by the bits that GSM 03.38 gives them. */
const readings: Readonly<Record<number, Reading>> = {
  [coding.gsm]: 'gsm',
  [coding.ascii]: 'iso-8859-1',
  2: 'binary',
  [coding.latin]: 'iso-8859-1',
  4: 'binary',
  5: 'shift_jis',
  6: 'iso-8859-5',
  7: 'iso-8859-8',
  [coding.utf16]: 'utf-16be',
  10: 'iso-2022-jp',
  14: 'euc-kr',
}

/** By bits 2 and 3 of GSM's general groups. */
const alphabets: readonly Reading[] = ['gsm', 'binary', 'utf-16be']

function readingOf(dataCoding: number): Reading {
  const named = readings[dataCoding]
  if (named !== undefined) return named
  const group = dataCoding >> 4
  if (group === 0xf) return (dataCoding & 0x04) === 0 ? 'gsm' : 'binary'
  if (group === 0xe) return 'utf-16be'
  return group >= 0x1 && group <= 0x3 ? (alphabets[(dataCoding >> 2) & 3] ?? 'gsm') : 'gsm'
}

/** The text of pieces that belong together, or their octets when they are no text. */
export function readAll(pieces: readonly Written[]): { text: string } | { binary: Uint8Array } {
  const runs: { reading: Reading; octets: Uint8Array[] }[] = []
  for (const { dataCoding, octets } of pieces) {
    const reading = readingOf(dataCoding)
    const last = runs.at(-1)
    if (last?.reading === reading) last.octets.push(octets)
    else runs.push({ reading, octets: [octets] })
  }
  if (runs.some(({ reading }) => reading === 'binary')) {
    return { binary: Buffer.concat(pieces.map(({ octets }) => octets)) }
  }
  return { text: runs.map(({ reading, octets }) => textOf(reading, Buffer.concat(octets))).join('') }
}

function textOf(reading: Reading, octets: Buffer): string {
  if (reading === 'gsm') return textOfGsmOctets(octets)
  if (reading === 'iso-8859-1') return octets.toString('latin1')
  return new TextDecoder(reading, { ignoreBOM: true }).decode(octets)
}
