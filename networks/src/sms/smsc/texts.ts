/** Texts as octets for the SMSC: read and written with the tables of the package `smpp`, which are not the gateway's. */
import smpp from 'smpp'

export type Session = Parameters<Parameters<typeof smpp.createServer>[1]>[0]
export type Pdu = Parameters<Session['send']>[0]

// Buffers go in and come out: left to itself the package guesses at codings, and trips over its own headers.
for (const command of ['submit_sm', 'deliver_sm'] as const) delete smpp.commands[command].params.short_message?.filter
delete smpp.tlvs.message_payload.filter

const { ASCII: gsm, UCS2: utf16 } = smpp.encodings
const escapeOctet = 0x1b

export interface Heard {
  text: string
  /** Null for a message of one part. */
  place: { reference: string; total: number; sequence: number } | null
}

/** What one submit says. */
export function heardIn(pdu: Pdu): Heard {
  const short = bufferIn(pdu.short_message)
  const octets = short.length === 0 ? bufferIn(pdu.message_payload) : short
  const hasHeader = (Number(pdu.esm_class) & 0x40) !== 0 && octets.length > 0
  const headerEnd = hasHeader ? 1 + (octets[0] ?? 0) : 0
  const read = pdu.data_coding === 8 ? utf16 : gsm
  const text = read.decode(octets.subarray(headerEnd))
  return { text, place: hasHeader ? placeIn(octets.subarray(1, headerEnd)) : sarPlace(pdu) }
}

function placeIn(header: Buffer): Heard['place'] {
  if (header.length < 5 || header[0] !== 0 || header[1] !== 3) return null
  return { reference: `udh ${header[2]}`, total: header[3] ?? 0, sequence: header[4] ?? 0 }
}

function sarPlace(pdu: Pdu): Heard['place'] {
  if (pdu.sar_msg_ref_num === undefined) return null
  const [total, sequence] = [Number(pdu.sar_total_segments), Number(pdu.sar_segment_seqnum)]
  return { reference: `sar ${pdu.sar_msg_ref_num}`, total, sequence }
}

function bufferIn(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

export interface Said {
  esm_class: number
  data_coding: number
  short_message: Buffer
}

/** A text as phones send it: in parts with a header when it is long, cut wherever they are full. */
export function saidAs(text: string, reference: number): Said[] {
  const isGsm = gsm.match(text)
  const octets = (isGsm ? gsm : utf16).encode(text)
  const data_coding = isGsm ? 0 : 8
  if (octets.length <= (isGsm ? 160 : 140)) return [{ esm_class: 0, data_coding, short_message: octets }]
  const pieces = cut(octets, isGsm ? 153 : 134, isGsm)
  return pieces.map((piece, index) => {
    const header = Buffer.of(5, 0, 3, reference & 0xff, pieces.length, index + 1)
    return { esm_class: 0x40, data_coding, short_message: Buffer.concat([header, piece]) }
  })
}

function cut(octets: Buffer, most: number, isGsm: boolean): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < octets.length; ) {
    const full = Math.min(at + most, octets.length)
    const end = isGsm && full < octets.length && octets[full - 1] === escapeOctet ? full - 1 : full
    pieces.push(octets.subarray(at, end))
    at = end
  }
  return pieces
}
