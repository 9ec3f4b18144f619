/** What an operator says about a WhatsApp line, as its URL: the real service or one on this machine, and how careful to be. */
import {
  decimal,
  integer,
  matching,
  oneOf,
  onOff,
  orOff,
  type Reader,
  readQuery,
  type Values,
} from '../../lib/setting-values.ts'
import { parsePhone } from '../../model/handle.ts'
import type { Handle } from '../../model/ids.ts'
import type { LineSettings, SettingsProblem } from '../connector.ts'
import type { PaceSettings } from './pacing/pace.ts'

export interface WhatsappSettings {
  /** Of the chat service, without settings. */
  socketUrl: string
  /** Where files are fetched from, with its port if it has one of its own. */
  mediaHost: string
  /** Whom to believe in the place of WhatsApp; null for the real service. */
  trust: { noiseRoot: Buffer; ca: string } | null
  /** The number that must be paired; null: whichever is. */
  number: Handle | null
  pace: PaceSettings
  /** Whether the line shows as online while it is connected. The owner's phone is silent then. */
  markOnline: boolean
  /** On which system the list of linked devices says that we run. */
  browser: 'macOS' | 'windows' | 'ubuntu'
  /** The version of WhatsApp Web that we claim to be; null for the one the library knows. */
  version: readonly [number, number, number] | null
}

type Checked = { ok: true; value: WhatsappSettings } | { ok: false; problem: SettingsProblem }

const version: Reader<WhatsappSettings['version']> = {
  must: 'be a version such as 2.3000.1043857760',
  read: (text) => {
    const [, major, minor, patch] = /^(\d{1,3})\.(\d{1,5})\.(\d{1,12})$/.exec(text) ?? []
    return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)]
  },
}

const query = {
  messagesPerMinute: { reader: orOff(decimal(0.1, 600)), otherwise: 30 },
  jitter: { reader: decimal(0, 5), otherwise: 0.5 },
  newContactsPerDay: { reader: orOff(integer(1, 10_000)), otherwise: 40 },
  warmUpDays: { reader: integer(0, 90), otherwise: 14 },
  markOnline: { reader: onOff, otherwise: false },
  browser: { reader: oneOf(['macOS', 'windows', 'ubuntu']), otherwise: 'macOS' },
  version: { reader: version, otherwise: null },
} as const

/** Nobody is banned from a network of one's own. */
const unhurried = {
  messagesPerMinute: { ...query.messagesPerMinute, otherwise: null },
  newContactsPerDay: { ...query.newContactsPerDay, otherwise: null },
} as const

const noiseRoot: Reader<string> = {
  must: 'be 32 bytes in base64url, as the loopback network gives it',
  read: (text) => (/^[\w-]{43}$/.test(text) ? text : undefined),
}
const certificate: Reader<string> = {
  must: 'be a certificate in PEM form, in base64url',
  read: (text) => {
    const pem = /^[\w-]{1,12000}$/.test(text) ? Buffer.from(text, 'base64url').toString() : ''
    return /^-----BEGIN CERTIFICATE-----\n[\s\S]+\n-----END CERTIFICATE-----\s*$/.test(pem) ? pem : undefined
  },
}
/** An address of this machine, in the form in which URLs have it. */
const ownHost = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/
const trusted = {
  noiseRoot: { reader: noiseRoot, otherwise: null },
  mediaHost: {
    reader: matching(/^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost):\d{1,5}$/, 'be a host of this machine with its port'),
    otherwise: null,
  },
  ca: { reader: certificate, otherwise: null },
} as const

const realService = { socketUrl: 'wss://web.whatsapp.com/ws/chat', mediaHost: 'mmg.whatsapp.net', trust: null }
const example = 'whatsapp:?newContactsPerDay=20'
const loopbackExample = 'ws://127.0.0.1:PORT/ws/chat?noiseRoot=…&mediaHost=127.0.0.1:PORT&ca=…'

type Line = Pick<LineSettings, 'url' | 'secret' | 'address'>

/** Everything as it is used, or the first thing that is wrong with it. */
function readLine({ url, secret, address }: Line): Checked {
  const number = address === null ? null : parsePhone(address)
  if (address !== null && number === null)
    return wrong('phoneNumber', 'On WhatsApp a line is a phone number such as +12025550100, or whichever is paired.')
  if (secret !== null && secret !== '')
    return wrong('password', 'WhatsApp has no password: a phone is paired with the line instead. Leave it out.')
  const read = readUrl(url ?? 'whatsapp:')
  return typeof read === 'string' ? wrong('url', read) : { ok: true, value: { ...read, number } }
}

/** Of a line in which `problemWith` finds nothing wrong. */
export function whatsappSettings(line: Line): WhatsappSettings {
  const read = readLine(line)
  if (!read.ok) throw new Error(read.problem.message)
  return read.value
}

/** What is wrong as far as can be seen without connecting. */
export function problemWith(line: Line): SettingsProblem | null {
  const read = readLine(line)
  return read.ok ? null : read.problem
}

function wrong(path: SettingsProblem['path'], message: string): Checked {
  return { ok: false, problem: { path, message } }
}

type Found = Omit<WhatsappSettings, 'number'>

/** A text says what is wrong. */
function readUrl(text: string): Found | string {
  const url = URL.parse(text)
  if (url === null) return `Leave the URL out for the real WhatsApp, or write its settings as ${example}.`
  if (url.protocol === 'whatsapp:') return readReal(url)
  if (url.protocol === 'ws:') return readLoopback(url)
  if (ownHost.test(url.hostname)) return `A loopback network has no TLS: write it as ${loopbackExample}.`
  return `WhatsApp is where it always is: leave the URL out, or write settings only, as in ${example}.`
}

function readReal(url: URL): Found | string {
  if (url.host !== '' || !/^\/*$/.test(url.pathname) || url.hash !== '')
    return `Behind whatsapp: stand settings only, as in ${example}.`
  const stray = Object.keys(trusted).find((name) => url.searchParams.has(name))
  if (stray !== undefined)
    return `The setting ${stray} is for a network on this machine. The real WhatsApp proves who it is by itself.`
  const read = readQuery(url.searchParams, query)
  return read.ok ? { ...realService, ...settled(read.value) } : read.message
}

function readLoopback(url: URL): Found | string {
  if (!ownHost.test(url.hostname))
    return 'Without TLS (ws://) only this machine is spoken to: 127.0.0.1, [::1] or localhost. For the real WhatsApp leave the URL out.'
  if (url.pathname !== '/ws/chat' || url.hash !== '' || url.username !== '' || url.password !== '')
    return `Write a loopback network as ${loopbackExample}.`
  const read = readQuery(url.searchParams, { ...query, ...unhurried, ...trusted })
  if (!read.ok) return read.message
  const { noiseRoot: root, mediaHost, ca, ...rest } = read.value
  if (root === null || mediaHost === null || ca === null)
    return `A loopback network is given with its noiseRoot, mediaHost and ca: ${loopbackExample}.`
  const trust = { noiseRoot: Buffer.from(root, 'base64url'), ca }
  return { socketUrl: `ws://${url.host}/ws/chat`, mediaHost, trust, ...settled(rest) }
}

type Asked = Values<Omit<typeof query, keyof typeof unhurried>> & Pick<PaceSettings, keyof typeof unhurried>

function settled({ messagesPerMinute, jitter, newContactsPerDay, warmUpDays, ...rest }: Asked) {
  return { ...rest, pace: { messagesPerMinute, jitter, newContactsPerDay, warmUpDays } }
}
