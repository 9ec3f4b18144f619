/** What an operator says about an SMPP line, as its URL: where the SMSC is, who we are, and how it wants to be spoken to. */
import { decimal, integer, matching, oneOf, type Values } from '../../../lib/setting-values.ts'
import type { LineSettings, SettingsProblem } from '../../connector.ts'
import { type Checked, decoded, readQuery, wrongUrl } from '../settings.ts'
import { type Address, addressOf } from './addresses.ts'

type Ton = 'sourceTon' | 'sourceNpi' | 'destinationTon' | 'destinationNpi'

export interface SmppSettings extends Omit<Values<typeof query>, Ton | 'enquireEvery'> {
  host: string
  port: number
  secure: boolean
  systemId: string
  password: string
  /** Where our messages come from; null while nobody said it. */
  source: Address | null
  destinationTon: number | null
  destinationNpi: number | null
  enquireEveryMs: number
}

/** Which of the two writes ids in hexadecimal, when the answer to a submit and its receipt do not write them alike. */
export type IdFormat = SmppSettings['idFormat']

const octet = { reader: integer(0, 255), otherwise: null } as const
const query = {
  window: { reader: integer(1, 1_000), otherwise: 10 },
  bind: { reader: oneOf(['transceiver', 'pair']), otherwise: 'transceiver' },
  concat: { reader: oneOf(['udh', 'sar', 'payload']), otherwise: 'udh' },
  systemType: { reader: matching(/^[\x20-\x7e]{0,12}$/, 'have at most 12 visible characters'), otherwise: '' },
  sourceTon: octet,
  sourceNpi: octet,
  destinationTon: octet,
  destinationNpi: octet,
  perSecond: { reader: decimal(0.001, 10_000), otherwise: 10 },
  segmentsMax: { reader: integer(1, 255), otherwise: 10 },
  idFormat: { reader: oneOf(['as-is', 'response-hex', 'receipt-hex']), otherwise: 'as-is' },
  optOutReplies: { reader: oneOf(['gateway', 'provider']), otherwise: 'gateway' },
  enquireEvery: { reader: integer(1, 3_600), otherwise: 30 },
} as const

const example = 'smpp://system-id@smsc.example.com:2775'
const defaultPorts: Readonly<Record<string, number>> = { 'smpp:': 2775, 'smpps:': 3550 }

type Settings = Omit<LineSettings, 'id'>

/** Everything as it is used, or the first thing that is wrong with it. */
export function readSettings(line: Settings): Checked<SmppSettings> {
  const url = urlOf(line.url)
  if (url === null) return wrongUrl(`Give the SMSC as a URL such as ${example}, with smpps:// for TLS.`)
  const port = url.port === '' ? (defaultPorts[url.protocol] ?? 0) : Number(url.port)
  if (url.hostname === '' || port === 0) return wrongUrl(`Name the host and the port of the SMSC, as in ${example}.`)
  if (url.password !== '') return wrongUrl('Leave the password out of the URL; it has a field of its own.')
  if (!/^\/?$/.test(url.pathname) || url.hash !== '')
    return wrongUrl(`Leave out what stands behind the port: ${example}.`)
  const systemId = decoded(url.username)
  if (systemId === null || !/^[\x21-\x7e]{1,15}$/.test(systemId))
    return wrongUrl(`Put the system id before the host, as in ${example}; it has 1 to 15 visible characters.`)
  const asked = readQuery(url, query)
  if (!asked.ok) return asked
  const password = line.secret ?? ''
  if (!/^[\x20-\x7e]{1,64}$/.test(password))
    return {
      ok: false,
      problem: { path: 'password', message: 'Give the password of the bind: 1 to 64 visible characters.' },
    }
  const own = line.address === null ? null : addressOf(line.address)
  if (line.address !== null && own === null)
    return { ok: false, problem: { path: 'phoneNumber', message: wordsForSender } }
  const { sourceTon, sourceNpi, enquireEvery, ...rest } = asked.value
  const source = own === null ? null : { ...own, ton: sourceTon ?? own.ton, npi: sourceNpi ?? own.npi }
  const secure = url.protocol === 'smpps:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    ok: true,
    value: { ...rest, host, port, secure, systemId, password, source, enquireEveryMs: enquireEvery * 1_000 },
  }
}

const wordsForSender =
  'Messages come from a number such as +12025550100, a short code of 3 to 8 digits, or a name of at most 11 characters.'

/** What is wrong as far as can be seen without connecting. */
export function problemWith(line: Settings): SettingsProblem | null {
  const read = readSettings(line)
  if (!read.ok) return read.problem
  return line.address === null
    ? { path: 'phoneNumber', message: `Say where messages come from. ${wordsForSender}` }
    : null
}

function urlOf(text: string | null): URL | null {
  if (text === null || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol in defaultPorts ? url : null
}
