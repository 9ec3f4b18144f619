/** How the text of a setting is read: each reader says in words what the text must be, and gives undefined when it is not. */
import { isIP } from 'node:net'

export interface Reader<Value> {
  /** Completes "X must …". */
  must: string
  read(text: string): Value | undefined
}

export function integer(min: number, max: number): Reader<number> {
  return {
    must: `be a whole number from ${min} to ${max}`,
    read: (text) => {
      const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
  }
}

/** With at most three places after the point. */
export function decimal(min: number, max: number): Reader<number> {
  return {
    must: `be a number from ${min} to ${max}`,
    read: (text) => {
      const number = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
  }
}

/** Null when it is off. */
export function orOff<Value>(reader: Reader<Value>): Reader<Value | null> {
  return {
    must: `${reader.must}, or be off`,
    read: (text) => (text === 'off' ? null : reader.read(text)),
  }
}

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Reader<Choice> {
  return { must: `be one of ${choices.join(', ')}`, read: (text) => choices.find((choice) => choice === text) }
}

const switchWords: Record<string, boolean> = { on: true, off: false, '1': true, '0': false, true: true, false: false }

export const onOff: Reader<boolean> = {
  must: 'be on or off',
  read: (text) => (Object.hasOwn(switchWords, text) ? switchWords[text] : undefined),
}

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** In milliseconds. */
export function duration(minMs: number, maxMs: number): Reader<number> {
  return {
    must: `be a time such as 500ms, 30s, 5m, 2h or 7d, from ${inUnits(minMs)} to ${inUnits(maxMs)}`,
    read: (text) => {
      const [, amount, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
      const ms = amount === undefined ? Number.NaN : Number(amount) * (unitMs[unit] ?? Number.NaN)
      return ms >= minMs && ms <= maxMs ? ms : undefined
    },
  }
}

function inUnits(ms: number): string {
  const [unit, size] = Object.entries(unitMs).findLast(([, size]) => ms % size === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}

export function listOf<Value>(reader: Reader<Value>, itemsMax: number): Reader<readonly Value[]> {
  return {
    must: `be a list, separated by commas, of at most ${itemsMax} values that must each ${reader.must}`,
    read: (text) => {
      const values = text.split(',').map((item) => reader.read(item.trim()))
      const read = values.filter((value) => value !== undefined)
      return read.length === values.length && read.length <= itemsMax ? Object.freeze(read) : undefined
    },
  }
}

export function matching(pattern: RegExp, must: string): Reader<string> {
  return { must, read: (text) => (pattern.test(text) ? text : undefined) }
}

export const hostName: Reader<string> = {
  must: 'be an IP address or a host name',
  read: (text) => (isIP(text) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text) ? text : undefined),
}

/** Without the slash at its end, so that paths can be put after it. */
export const webAddress: Reader<string> = {
  must: 'be an http or https address without query, user or password',
  read: (text) => {
    const url = URL.parse(text)
    if (!url || !/^https?:$/.test(url.protocol) || /[?#]/.test(text) || url.username || url.password) return undefined
    return url.href.replace(/\/+$/, '')
  },
}

/** Standard base64 that holds exactly this many bytes, with nothing added. */
export function base64Of(bytes: number): Reader<string> {
  return {
    must: `be ${bytes} bytes in base64`,
    read: (text) => {
      const decoded = Buffer.from(text, 'base64')
      return decoded.length === bytes && decoded.toString('base64') === text ? text : undefined
    },
  }
}

/** An IP address or a network in CIDR notation. */
export const network: Reader<string> = {
  must: 'be an IP address or a network such as 10.0.0.0/8',
  read: (text) => {
    const [address = '', bits, ...rest] = text.split('/')
    const family = isIP(address)
    if (family === 0 || rest.length > 0) return undefined
    return bits === undefined || integer(0, family === 4 ? 32 : 128).read(bits) !== undefined ? text : undefined
  },
}

export interface Setting<Value> {
  reader: Reader<Value>
  otherwise: Value
}

export type Values<Settings> = {
  [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never
}

/** The settings in a query: each at most once, none that is not known, and what is not named as it is otherwise. */
export function readQuery<Settings extends Readonly<Record<string, Setting<unknown>>>>(
  query: URLSearchParams,
  settings: Settings,
): { ok: true; value: Values<Settings> } | { ok: false; message: string } {
  const values: Record<string, unknown> = {}
  for (const [name, { otherwise }] of Object.entries(settings)) values[name] = otherwise
  const given = new Set<string>()
  for (const [name, text] of query) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (setting === undefined)
      return { ok: false, message: `The setting ${shown(name)} is not known. ${known(settings)}` }
    if (given.has(name)) return { ok: false, message: `The setting ${name} is given twice; keep one.` }
    given.add(name)
    const value = setting.reader.read(text)
    if (value === undefined) return { ok: false, message: `The setting ${name} must ${setting.reader.must}.` }
    values[name] = value
  }
  return { ok: true, value: values as Values<Settings> }
}

function known(settings: object): string {
  return `Known are ${Object.keys(settings).join(', ')}.`
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40).toWellFormed())
}
