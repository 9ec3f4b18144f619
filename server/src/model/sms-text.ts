/** A text as SMS carries it: in GSM's own alphabet or in UTF-16, and cut into parts where nobody sees the seam. */

export type SmsEncoding = 'gsm7' | 'ucs2'

export interface SmsText {
  encoding: SmsEncoding
  /** Together they are the text again. There is always one, even of nothing. */
  parts: readonly string[]
}

/** The default alphabet of GSM 03.38 (3GPP TS 23.038, 6.2.1) in its order; the escape stands in its place. */
const alphabet =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà'
const escapeOctet = 0x1b
/** The extension table (6.2.1.1): each costs an escape and an octet. */
const extension: ReadonlyMap<number, string> = new Map([
  [0x0a, '\f'],
  [0x14, '^'],
  [0x28, '{'],
  [0x29, '}'],
  [0x2f, '\\'],
  [0x3c, '['],
  [0x3d, '~'],
  [0x3e, ']'],
  [0x40, '|'],
  [0x65, '€'],
])

const octetsOf: ReadonlyMap<string, readonly number[]> = new Map(
  [
    ...[...alphabet].map((character, octet): [string, number[]] => [character, [octet]]),
    ...[...extension].map(([octet, character]): [string, number[]] => [character, [escapeOctet, octet]]),
  ].filter(([character]) => character !== '\u001b'),
)

/** What fits a message that travels alone, and what fits a part of several, which says so in a header of 6 octets. */
const room = { gsm7: { alone: 160, part: 153 }, ucs2: { alone: 70, part: 67 } }

export function smsTextOf(text: string): SmsText {
  let septets = 0
  for (const character of text) {
    const cost = octetsOf.get(character)?.length
    if (cost === undefined) return cut(text, 'ucs2', text.length)
    septets += cost
  }
  return cut(text, 'gsm7', septets)
}

function cut(text: string, encoding: SmsEncoding, units: number): SmsText {
  const { alone, part } = room[encoding]
  return { encoding, parts: units <= alone ? [text] : partsOf(text, part, unitsIn[encoding]) }
}

const unitsIn: Record<SmsEncoding, (piece: string) => number> = {
  gsm7: (piece) => {
    let septets = 0
    for (const character of piece) septets += octetsOf.get(character)?.length ?? 0
    return septets
  },
  ucs2: (piece) => piece.length,
}

function partsOf(text: string, max: number, units: (piece: string) => number): string[] {
  const parts: string[] = []
  let start = 0
  let end = 0
  let used = 0
  for (const piece of piecesOf(text, max, units)) {
    const cost = units(piece)
    if (used + cost > max) {
      parts.push(text.slice(start, end))
      start = end
      used = 0
    }
    used += cost
    end += piece.length
  }
  parts.push(text.slice(start))
  return parts
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** What a reader sees as one character stays whole; only what no part could hold is taken apart. */
function* piecesOf(text: string, max: number, units: (piece: string) => number): Generator<string> {
  for (const { segment } of graphemes.segment(text)) {
    if (units(segment) <= max) yield segment
    else yield* segment
  }
}

/** One octet for each septet, an escape before those of the extension table. */
export function gsmOctets(text: string): Uint8Array {
  const octets: number[] = []
  for (const character of text) {
    const found = octetsOf.get(character)
    if (found === undefined) throw new Error('The text holds a character that GSM has not. Send it as UCS-2.')
    octets.push(...found)
  }
  return Uint8Array.from(octets)
}

/**
 * An escape to what nobody has defined shows what the octet is by itself, and an escape to another table shows a
 * space: so 6.2.1.1 says, and so a text that uses a national table stays readable.
 */
export function textOfGsmOctets(octets: Uint8Array): string {
  let text = ''
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets[at] ?? 0
    const next = octets[at + 1] ?? escapeOctet
    if (octet !== escapeOctet) text += alphabet[octet] ?? '\ufffd'
    else {
      text += next === escapeOctet ? ' ' : (extension.get(next) ?? alphabet[next] ?? '\ufffd')
      at += 1
    }
  }
  return text
}
