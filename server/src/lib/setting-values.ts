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
