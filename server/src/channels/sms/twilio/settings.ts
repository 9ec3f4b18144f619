/** What an operator says about a line at Twilio or SignalWire, and what is wrong with it. */
import { decimal, integer, matching, oneOf, type Values } from '../../../lib/setting-values.ts'
import type { LineSettings } from '../../connector.ts'
import { type Place, readPlace } from '../rest/place.ts'
import { type Checked, readQuery, wrongUrl } from '../settings.ts'
import type { Kind } from './capabilities.ts'

const query = {
  service: {
    reader: matching(/^[A-Za-z0-9-]{2,64}$/, 'be the id of a messaging service, such as MG…'),
    otherwise: null,
  },
  perSecond: { reader: decimal(0.01, 1_000), otherwise: 1 },
  segmentsMax: { reader: integer(1, 50), otherwise: 10 },
  validity: { reader: integer(1, 36_000), otherwise: null },
  callbacks: { reader: oneOf(['on', 'off']), otherwise: 'on' },
  optOutReplies: { reader: oneOf(['gateway', 'provider']), otherwise: 'provider' },
  pollEvery: { reader: integer(0, 86_400), otherwise: 300 },
} as const

export interface TwilioSettings extends Omit<Values<typeof query>, 'service' | 'validity'> {
  service: string | null
  validity: number | null
  place: Place
  /** The line's own number. */
  number: string
  token: string
}

const rules = {
  twilio: {
    example: 'https://ACCOUNT_SID@api.twilio.com',
    user: { is: 'the account SID', pattern: /^[A-Za-z0-9-]{2,64}$/ },
  },
  signalwire: {
    example: 'https://PROJECT_ID@SPACE.signalwire.com/api/laml',
    user: { is: 'the project id', pattern: /^[A-Za-z0-9-]{2,64}$/ },
  },
} as const

/** Names and addresses that only mean something inside a network. */
const insideHost = /^(localhost|[\d.]+|\[[\da-f:]+\]|[^.]+|.+\.(local|internal|lan|localhost|home\.arpa))$/i

export function settingsOf(kind: Kind, line: Omit<LineSettings, 'id'>): Checked<TwilioSettings> {
  const read = readPlace(line.url, rules[kind])
  if (!read.ok) return read
  const { url, place } = read.value
  if (!place.isSecure && !insideHost.test(url.hostname)) {
    return wrongUrl(`The URL must begin with https://, or the token could be read on the way.`)
  }
  const asked = readQuery(url, query)
  if (!asked.ok) return asked
  const wrong = (path: 'password' | 'phoneNumber', message: string) =>
    ({ ok: false, problem: { path, message } }) as const
  if (line.secret === null || !/^[\x21-\x7e]{1,256}$/.test(line.secret)) {
    return wrong(
      'password',
      `Put the ${kind === 'twilio' ? 'auth token of the account' : 'API token'} into the password.`,
    )
  }
  if (line.address === null) return wrong('phoneNumber', 'Give the line its number: messages to it are received.')
  return { ok: true, value: { ...asked.value, place, number: line.address, token: line.secret } }
}
