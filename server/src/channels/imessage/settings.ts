/** What an operator says about a line over a Mac with BlueBubbles server, and what is wrong with it. */
import { decimal, integer, matching, oneOf, readQuery, type Values } from '../../lib/setting-values.ts'
import type { LineSettings, SettingsProblem } from '../connector.ts'

const query = {
  // The server makes some five actions a second, and Apple looks askance at accounts that write in bursts.
  perSecond: { reader: decimal(0.01, 100), otherwise: 1 },
  // Accounts that write to many strangers are shut out by Apple. Answers and people known already do not count.
  newPerDay: { reader: integer(0, 10_000), otherwise: 40 },
  pollEvery: { reader: integer(1, 600), otherwise: 30 },
  // The server waits for this long on its way, one deadline after the other (BlueBubbles 1.9.9).
  lostAfter: { reader: integer(10, 3_600), otherwise: 210 },
  groupOpener: { reader: matching(/^(?=.*\S)\P{C}{1,200}$/u, 'be a text of up to 200 characters'), otherwise: null },
  webhook: { reader: oneOf(['on', 'off']), otherwise: 'on' },
} as const

/** Where the server is, and what it is asked with. */
export interface Place {
  /** Scheme, host and port. */
  origin: string
  /** What comes before `/api/v1`, without a slash at its end. */
  basePath: string
  password: string
}

export interface ImessageSettings extends Pick<Values<typeof query>, 'perSecond'> {
  /** So many people who were never written to before, in 24 hours; 0: as many as there are. */
  newPerDay: number
  /** In seconds. */
  pollEvery: number
  /** In seconds: a text of which the Mac shows nothing so long after it was given to it was not sent. Files take four times as long. */
  lostAfter: number
  /** What is said first in a group that we make; null: its name, or a greeting. */
  groupOpener: string | null
  webhook: 'on' | 'off'
  place: Place
}

export type Checked = { ok: true; value: ImessageSettings } | { ok: false; problem: SettingsProblem }

const example = 'http://192.168.1.20:1234'
const passwordNames = ['password', 'guid', 'token']

export function settingsOf(line: Omit<LineSettings, 'id'>): Checked {
  const wrong = (what: string) => problem('url', `${what} Write it like ${example}.`)
  const url = line.url === null ? null : URL.parse(line.url)
  if (url === null) return wrong('The URL of the BlueBubbles server is missing or not a URL.')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return wrong('The URL must begin with http:// or https://.')
  if (url.username !== '' || url.password !== '') return wrong('No user name or password may stand in the URL.')
  if (passwordNames.some((name) => url.searchParams.has(name)))
    return wrong('The password must not stand in the URL: put it into the password of the line.')
  if (url.hash !== '') return wrong('The URL must not contain a #.')
  const asked = readQuery(url.searchParams, query)
  if (!asked.ok) return problem('url', asked.message)
  if (line.secret === null || !/^\P{Cc}{1,256}$/u.test(line.secret)) {
    return problem('password', 'Put the password of the BlueBubbles server into the password of the line.')
  }
  // Where the API begins is ours to say, but whoever copies a URL from elsewhere brings it along.
  const basePath = url.pathname.replace(/\/+$/, '').replace(/\/api(\/v1)?$/, '')
  return { ok: true, value: { ...asked.value, place: { origin: url.origin, basePath, password: line.secret } } }
}

function problem(path: 'url' | 'password', message: string): Checked {
  return { ok: false, problem: { path, message } }
}
