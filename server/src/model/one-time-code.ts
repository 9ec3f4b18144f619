/** One-time codes in what comes in: WhatsApp's own sign-up codes, and everybody else's by a keyword and a group of digits. */

export interface OneTimeCode {
  provider: 'whatsapp' | 'generic'
  /** Its digits alone. */
  code: string
  /** The code as it stands in the text. */
  rawMatch: string
  confidence: 'high' | 'medium'
}

export function findOneTimeCode(text: string): OneTimeCode | null {
  const signUp = findSignUp(text)
  if (signUp !== null) return found('whatsapp', signUp)
  if (!keyword.test(text)) return null
  const candidates = [...text.matchAll(number)].map((match) => placed(text, match)).filter(isCode)
  const best = candidates.find(isBesideKeyword) ?? candidates[0]
  return best === undefined ? null : found('generic', best.raw)
}

function found(provider: OneTimeCode['provider'], rawMatch: string): OneTimeCode {
  const confidence = provider === 'whatsapp' ? 'high' : 'medium'
  return { provider, code: rawMatch.replace(/\D/g, ''), rawMatch, confidence }
}

/** Senders and phones between them put direction marks and other dashes around the code. */
const dash = '[\\p{Pd}\\u2212]'
const signUpCode = `(\\d{3}(?:${dash}|\\s)?\\d{3})`
/** The mark of WhatsApp's app, which some carriers glue to the code. It begins with a digit of its own. */
const appMark = '4sgLq1p5sV6'
const codeOfWhatsapp = 'your\\s{1,4}whats\\s?app(?:\\s{1,4}business)?(?:\\s{1,4}(?:verification|security))?\\s{1,4}code'

const signUpPhrases = [
  new RegExp(`(?<!\\w)${codeOfWhatsapp}(?:\\s{1,4}is)?[\\s:\\p{Cf}]{0,8}${signUpCode}(?!(?!${appMark})\\d)`, 'iu'),
  new RegExp(`(?<![\\p{L}\\p{N}_.,:/+-])${signUpCode}\\s{1,4}is\\s{1,4}${codeOfWhatsapp}(?!\\w)`, 'iu'),
]

function findSignUp(text: string): string | null {
  for (const phrase of signUpPhrases) {
    const code = phrase.exec(text)?.[1]
    if (code !== undefined) return code
  }
  return null
}

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
