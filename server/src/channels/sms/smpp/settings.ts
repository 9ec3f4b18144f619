/** What an operator says about an SMPP line, as its URL: where the SMSC is, who we are, and how it wants to be spoken to. */
import type { LineSettings, SettingsProblem } from '../../connector.ts'
import { type Address, addressOf } from './addresses.ts'

export interface SmppSettings {
  host: string
  port: number
  secure: boolean
  systemId: string
  password: string
  systemType: string
  /** Where our messages come from; null while nobody said it. */
  source: Address | null
  destinationTon: number | null
  destinationNpi: number | null
  /** Submits without an answer at one time. */
  window: number
  bind: 'transceiver' | 'pair'
  concat: 'udh' | 'sar' | 'payload'
  perSecond: number
  segmentsMax: number
  idFormat: IdFormat
  /** Who answers STOP and START. */
  optOutReplies: 'gateway' | 'provider'
  enquireEveryMs: number
}

/** Which of the two writes ids in hexadecimal, when the answer to a submit and its receipt do not write them alike. */
export type IdFormat = 'as-is' | 'response-hex' | 'receipt-hex'

type Read<T> = (text: string) => T | null

const whole =
  (min: number, max: number): Read<number> =>
  (text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : null
const oneOf =
  <T extends string>(...names: readonly T[]): Read<T> =>
  (text) =>
    names.find((name) => name === text) ?? null
const rate: Read<number> = (text) =>
  /^\d{1,5}(\.\d{1,3})?$/.test(text) && Number(text) > 0 && Number(text) <= 10_000 ? Number(text) : null
const visible =
  (most: number): Read<string> =>
  (text) =>
    text.length <= most && /^[\x20-\x7e]*$/.test(text) ? text : null

/** Every setting: what it may be, in code and in words, and what it is when nobody says. */
const settings = {
  window: { read: whole(1, 1_000), otherwise: 10, words: 'a whole number from 1 to 1000' },
  bind: { read: oneOf('transceiver', 'pair'), otherwise: 'transceiver' as const, words: 'transceiver or pair' },
  concat: { read: oneOf('udh', 'sar', 'payload'), otherwise: 'udh' as const, words: 'udh, sar or payload' },
  systemType: { read: visible(12), otherwise: '', words: 'at most 12 visible characters' },
  sourceTon: { read: whole(0, 255), otherwise: null, words: 'a whole number from 0 to 255' },
  sourceNpi: { read: whole(0, 255), otherwise: null, words: 'a whole number from 0 to 255' },
  destinationTon: { read: whole(0, 255), otherwise: null, words: 'a whole number from 0 to 255' },
  destinationNpi: { read: whole(0, 255), otherwise: null, words: 'a whole number from 0 to 255' },
  perSecond: { read: rate, otherwise: 10, words: 'parts per second: more than 0, at most 10000' },
  segmentsMax: { read: whole(1, 255), otherwise: 10, words: 'a whole number from 1 to 255' },
  idFormat: {
    read: oneOf('as-is', 'response-hex', 'receipt-hex'),
    otherwise: 'as-is' as const,
    words: 'as-is, response-hex or receipt-hex',
  },
  optOutReplies: {
    read: oneOf('gateway', 'provider'),
    otherwise: 'gateway' as const,
    words: 'gateway or provider',
  },
  enquireEvery: { read: whole(1, 3_600), otherwise: 30, words: 'seconds: a whole number from 1 to 3600' },
}

type Name = keyof typeof settings
type Values = {
  [Key in Name]: NonNullable<ReturnType<(typeof settings)[Key]['read']>> | (typeof settings)[Key]['otherwise']
}

const names = Object.keys(settings) as Name[]
const example = 'smpp://system-id@smsc.example.com:2775'
const defaultPorts: Readonly<Record<string, number>> = { 'smpp:': 2775, 'smpps:': 3550 }

type Settings = Omit<LineSettings, 'id'>
type Outcome = { settings: SmppSettings } | { problem: SettingsProblem }

/** Everything as it is used, or the first thing that is wrong with it. */
export function readSettings(line: Settings): Outcome {
  const url = urlOf(line.url)
  if (url === null) return wrong(`Give the SMSC as a URL such as ${example}, with smpps:// for TLS.`)
  const port = url.port === '' ? (defaultPorts[url.protocol] ?? 0) : Number(url.port)
  if (url.hostname === '' || port === 0) return wrong(`Name the host and the port of the SMSC, as in ${example}.`)
  if (url.password !== '') return wrong('Leave the password out of the URL; it has a field of its own.')
  if (!/^\/?$/.test(url.pathname) || url.hash !== '') return wrong(`Leave out what stands behind the port: ${example}.`)
  const systemId = decoded(url.username)
  if (systemId === null || !/^[\x21-\x7e]{1,15}$/.test(systemId))
    return wrong(`Put the system id before the host, as in ${example}; it has 1 to 15 visible characters.`)
  const values = valuesOf(url.searchParams)
  if ('problem' in values) return values
  const password = line.secret ?? ''
  if (!/^[\x20-\x7e]{1,64}$/.test(password))
    return { problem: { path: 'password', message: 'Give the password of the bind: 1 to 64 visible characters.' } }
  const own = line.address === null ? null : addressOf(line.address)
  if (line.address !== null && own === null) return { problem: { path: 'phoneNumber', message: wordsForSender } }
  const { sourceTon, sourceNpi, enquireEvery, ...rest } = values
  const source = own === null ? null : { ...own, ton: sourceTon ?? own.ton, npi: sourceNpi ?? own.npi }
  const secure = url.protocol === 'smpps:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    settings: { ...rest, host, port, secure, systemId, password, source, enquireEveryMs: enquireEvery * 1_000 },
  }
}

const wordsForSender =
  'Messages come from a number such as +12025550100, a short code of 3 to 8 digits, or a name of at most 11 characters.'

/** What is wrong as far as can be seen without connecting. */
export function problemWith(line: Settings): SettingsProblem | null {
  const outcome = readSettings(line)
  if ('problem' in outcome) return outcome.problem
  return line.address === null
    ? { path: 'phoneNumber', message: `Say where messages come from. ${wordsForSender}` }
    : null
}

function wrong(message: string): { problem: SettingsProblem } {
  return { problem: { path: 'url', message } }
}

function urlOf(text: string | null): URL | null {
  if (text === null || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol in defaultPorts ? url : null
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign: there is no telling what was meant.
    return null
  }
}

function valuesOf(query: URLSearchParams): Values | { problem: SettingsProblem } {
  const values: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, settings[name].otherwise]))
  const seen = new Set<string>()
  for (const [name, text] of query) {
    const setting = names.find((one) => one === name)
    if (setting === undefined) return wrong(`There is no setting called "${name}". Known are ${names.join(', ')}.`)
    if (seen.has(name)) return wrong(`Give ${name} once; it is there twice.`)
    seen.add(name)
    const value = settings[setting].read(text)
    if (value === null) return wrong(`Set ${name} to ${settings[setting].words}; it is "${text.slice(0, 40)}".`)
    values[name] = value
  }
  return values as Values
}
