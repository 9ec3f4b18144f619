/** What an operator says about a phone that sends SMS for us, and what is wrong with it. */
import { decimal, integer, matching, oneOf, type Values } from '../../../lib/setting-values.ts'
import type { LineSettings } from '../../connector.ts'
import { type Place, readPlace } from '../rest/place.ts'
import { type Checked, readQuery } from '../settings.ts'

const query = {
  sim: { reader: integer(1, 3), otherwise: null },
  device: { reader: matching(/^[\w-]{1,64}$/, 'be the id of a device'), otherwise: null },
  perSecond: { reader: decimal(0.001, 100), otherwise: 0.2 },
  // Phones refuse chains of nine and more as too many at a time.
  segmentsMax: { reader: integer(1, 20), otherwise: 8 },
  optOutReplies: { reader: oneOf(['gateway', 'provider']), otherwise: 'gateway' },
  ttl: { reader: integer(5, 604_800), otherwise: null },
} as const

export interface AndroidSettings extends Pick<Values<typeof query>, 'perSecond' | 'segmentsMax' | 'optOutReplies'> {
  sim: number | null
  device: string | null
  ttl: number | null
  place: Place
  /** The number of the SIM, when it is known: numbers in the form of its country are completed by it. */
  number: string | null
  password: string
  /** Null: calls of the phone cannot be proved to be its, so none is taken. */
  signingKey: string | null
}

const rules = {
  example: 'http://sms@192.168.1.20:8080, or https://USER@SERVER/3rdparty/v1',
  user: { is: 'the user name that the app shows', pattern: /^[\x21-\x39\x3b-\x7e]{1,128}$/ },
}

const secretWords =
  'Write the password as PASSWORD:SIGNING_KEY. The signing key stands in the app under Settings, Webhooks. With ' +
  'nothing after the last colon (PASSWORD:) messages are sent, but none are received.'

export function settingsOf(line: Omit<LineSettings, 'id'>): Checked<AndroidSettings> {
  const read = readPlace(line.url, rules)
  if (!read.ok) return read
  const asked = readQuery(read.value.url, query)
  if (!asked.ok) return asked
  // A password may contain colons and a signing key does not, so the last one divides; it is never left out, so that
  // no password is taken apart by mistake.
  const [, password, key] = /^(.{1,256}):([\x21-\x39\x3b-\x7e]{0,128})$/.exec(line.secret ?? '') ?? []
  if (password === undefined || key === undefined)
    return { ok: false, problem: { path: 'password', message: secretWords } }
  const { place } = read.value
  return {
    ok: true,
    value: { ...asked.value, place, number: line.address, password, signingKey: key === '' ? null : key },
  }
}
