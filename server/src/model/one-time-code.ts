/** One-time codes in what comes in: WhatsApp's sign-up codes in any language, everybody else's by a keyword and digits. */

export interface OneTimeCode {
  provider: 'whatsapp' | 'generic'
  /** Its digits alone. */
  code: string
  /** The code as it stands in the text. */
  rawMatch: string
  confidence: 'high' | 'medium'
}

/** `from` is who sent it: some networks name the sender instead of giving a number. */
export function findOneTimeCode(text: string, from: string | null = null): OneTimeCode | null {
  const signUp = findSignUp(text, from)
  if (signUp !== null) return found('whatsapp', signUp)
  if (!keyword.test(text)) return null
  const candidates = [...text.matchAll(number)].map((match) => placed(text, match)).filter(isCode)
  const best = candidates.find(isBesideKeyword) ?? candidates[0]
  return best === undefined ? null : found('generic', { code: best.raw.replace(/\D/g, ''), rawMatch: best.raw })
}

type Found = Pick<OneTimeCode, 'code' | 'rawMatch'>

function found(provider: OneTimeCode['provider'], { code, rawMatch }: Found): OneTimeCode {
  return { provider, code, rawMatch, confidence: provider === 'whatsapp' ? 'high' : 'medium' }
}

/** The marks by which WhatsApp's apps know their texts. Carriers glue them to the code, or make a space of the plus. */
const appMarks = /4sgLq1p5sV6|rJbA\/XP1K[+ ]V/g
const signUpLink = /(?<![\w.-])v\.whatsapp\.com\/(\d{6})(?!\d)/gi
const links = /(?:https?:\/\/|(?<![a-z0-9-])(?:www\.|[a-z0-9][a-z0-9-]{0,62}\.[a-z]{2,24}\/))\S*/gi
const codeOfWhatsapp = /whats ?app(?:[ \n]{1,4}(?:business|verification|security)){0,2}[ \n]{1,4}code(?![a-z])/i
const mention = new RegExp(
  ['whats ?app', 'واتساب', 'واتس اب', 'وٹس ایپ', 'व्हाट्सऐप', 'হোয়াটসঅ্যাপ', 'ווטסאפ'].join('|').normalize('NFKC'),
  'i',
)
const sentenceEnd = /[.!?。।؟]|(?<!: {0,4})\n/

/** Not a part of a phone number, a date or a price. */
const groupedCode =
  /(?<![\d+-])(?<!\d{2}[ .()/]{1,2})\d{3}(?:-\d{3}(?![-\d])(?! \d{3})|(?<!\d \d{3}) \d{3}(?![-\d])(?! \d))/g
const plainCode = /(?<![\w+-])(?<!\d[.,:/ ]|\p{Sc} ?)\d{6}(?![-\w])(?![.,:/]\d| \d| ?\p{Sc})/gu

/**
 * No words but the name are asked for, so that every language is understood; and nothing is guessed: of two different
 * codes neither counts. Where only the name says whose code it is, both stand in one sentence: many shops that send codes
 * of their own can be asked about them on WhatsApp.
 */
function findSignUp(text: string, from: string | null): Found | null {
  const { plain, starts } = readable(text)
  const unmarked = plain.replace(appMarks, blank)
  const linked = distinct([...unmarked.matchAll(signUpLink)].map((match) => placeOf(match, match[1] ?? '')))
  const isCertain = unmarked !== plain || linked.size > 0 || isWhatsapp(from) || codeOfWhatsapp.test(plain)
  if (!isCertain && !mentions(plain)) return null
  const bare = unmarked.replace(links, blank)
  const grouped = distinct([...bare.matchAll(groupedCode)].map((match) => placeOf(match, match[0])))
  const codes =
    grouped.size > 0 ? grouped : distinct([...bare.matchAll(plainCode)].map((match) => placeOf(match, match[0])))
  const place = chosen(linked, codes)
  if (place === null || !(isCertain || isNamedBeside(bare, place))) return null
  return { code: place.code, rawMatch: asItStands(text, starts, place) }
}

/** Where something stands in the readable text. */
interface Place {
  code: string
  written: string
  at: number
}

function placeOf(match: RegExpExecArray, written: string): Place {
  return { code: written.replace(/\D/g, ''), written, at: match.index + match[0].lastIndexOf(written) }
}

/** By code; of the same code the first place. */
function distinct(places: readonly Place[]): ReadonlyMap<string, Place> {
  return new Map(places.toReversed().map((place) => [place.code, place]))
}

/** The link decides between codes, and stands for one that is not there. */
function chosen(linked: ReadonlyMap<string, Place>, codes: ReadonlyMap<string, Place>): Place | null {
  const only = (places: Iterable<Place>) => {
    const [first, second] = places
    return first !== undefined && second === undefined ? first : null
  }
  const link = only(linked.values())
  if (link !== null && codes.size === 0) return link
  return (link !== null && codes.get(link.code)) || only(codes.values())
}

const blank = (some: string) => ' '.repeat(some.length)

function isWhatsapp(from: string | null): boolean {
  return from !== null && !from.includes('@') && /whats\s?app/i.test(from)
}

function mentions(plain: string): boolean {
  return mention.test(plain.normalize('NFKC'))
}

function isNamedBeside(plain: string, { written }: Place): boolean {
  return plain.split(sentenceEnd).some((sentence) => sentence.includes(written) && mentions(sentence))
}

/** Marks of direction and width, which phones and carriers put around a code. */
const unseen = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff]/
const anyDigit = /^\p{Nd}$/u

interface Readable {
  /** In one script of digits, one dash and one space, and nothing that is not seen. */
  plain: string
  /** Where each of its characters began in the text. */
  starts: readonly number[]
}

function readable(text: string): Readable {
  const pieces: string[] = []
  const starts: number[] = []
  let at = 0
  for (const character of text) {
    const plain = plainOf(character)
    pieces.push(plain)
    for (let unit = 0; unit < plain.length; unit += 1) starts.push(at)
    at += character.length
  }
  return { plain: pieces.join(''), starts }
}

function plainOf(character: string): string {
  if (character === '\n') return character
  if (character > ' ' && character < '\x7f') return character
  if (unseen.test(character)) return ''
  return character
    .replace(/\s/, ' ')
    .replace(/[\p{Pd}\u2212]/u, '-')
    .replace(/\p{Nd}/u, (digit) => String(digitValue(digit)))
}

/** Unicode keeps the ten digits of each script in a row, and rows that touch begin at a multiple of ten. */
function digitValue(digit: string): number {
  const point = digit.codePointAt(0) ?? 0
  let first = point
  while (anyDigit.test(String.fromCodePoint(first - 1))) first -= 1
  return (point - first) % 10
}

function asItStands(text: string, starts: readonly number[], { written, at }: Place): string {
  const last = starts[at + written.length - 1] ?? 0
  return text.slice(starts[at], last + String.fromCodePoint(text.codePointAt(last) ?? 0).length)
}

const dash = '[\\p{Pd}\\u2212]'

/** Codes that are no secret, and whose digits may be anything. */
const openCode = '(?:zip|postal|post|area|country|dress|promo|discount|coupon|voucher|referral)'
const keywords = [
  `(?<!${openCode}(?:\\s|${dash}))codes?`,
  'verification',
  'verify',
  'otp',
  `one(?:\\s|${dash})time`,
  'passcodes?',
  'pin',
  "do\\s{1,4}not\\s{1,4}share|don['\u2019]?t\\s{1,4}share",
].join('|')
const keyword = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${keywords})(?![\\p{L}\\p{N}_])`, 'iu')

/** A number with all that belongs to it, so that a part of a phone number, a date or a price is not taken for a code. */
const number = new RegExp(`\\d+(?:(?:${dash}|[.,:/])\\d+|[ \\u00a0](?=\\d{3})\\d+|\\) ?\\d+)*`, 'gu')

interface Placed {
  raw: string
  before: string
  after: string
}

const contextCharacters = 60

function placed(text: string, match: RegExpExecArray): Placed {
  const end = match.index + match[0].length
  return {
    raw: match[0],
    before: text.slice(Math.max(0, match.index - contextCharacters), match.index),
    after: text.slice(end, end + contextCharacters),
  }
}

const codeShape = new RegExp(`^(?:\\d{4,8}|\\d{3}(?:${dash}|[ \\u00a0])\\d{3})$`, 'u')
/** A part of a word, an address or a link; a phone number; money. */
const foreignBefore = /(?:[\p{L}_@=/&+]|\p{Sc}\s?|(?<!\p{L})(?:usd|eur|gbp|cad|aud|inr|rs)\.?\s?)$/iu
const foreignAfter =
  /^(?:[\p{L}_@/%]|\s?(?:\p{Sc}|(?:usd|eur|euros?|gbp|cad|aud|inr|dollars?|pounds?|rupees?|cents?)(?!\p{L})))/iu
const year = /^(?:19|20)\d\d$/

function isCode(one: Placed): boolean {
  if (!codeShape.test(one.raw) || foreignBefore.test(one.before) || foreignAfter.test(one.after)) return false
  return !year.test(one.raw) || isBesideKeyword(one)
}

const leadsToCode = new RegExp(
  `(?<![\\p{L}\\p{N}_])(?:${keywords}|use|enter)(?:\\s{1,4}(?:is|for\\s[^\\d.!?]{1,40}\\sis))?[\\s:=#*"'\u201c\u2018(\\p{Pd}\\p{Cf}]{0,8}$`,
  'iu',
)
const comesFromCode = /^["'\u201d\u2019*)\s]{0,4}(?:is|as)\s{1,4}(?:your|the|my)(?!\p{L})/iu

function isBesideKeyword({ before, after }: Placed): boolean {
  return leadsToCode.test(before) || comesFromCode.test(after)
}
