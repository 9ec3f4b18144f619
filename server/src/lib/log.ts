/** The keeper of pino: writes one line per fact, and only such fields and texts as cannot carry what people wrote or secrets. */
import { pino } from 'pino'

/** Fields say what happened, the message is a fixed sentence. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
export type LogFormat = 'auto' | 'json' | 'pretty'

interface Destination {
  write(line: string): unknown
}

export interface LogOptions {
  /** `auto`: everything worth knowing, but on a terminal only what needs somebody. */
  level: LogLevel | 'auto'
  /** `auto` is `pretty` when a person watches. */
  format: LogFormat
  destination?: Destination & { isTTY?: boolean }
}

export function createLog({ level, format, destination = process.stdout }: LogOptions): Log {
  const pretty = format === 'pretty' || (format === 'auto' && destination.isTTY === true)
  const least = level === 'auto' ? (pretty ? 'warn' : 'info') : level
  const options = { level: least, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: named } }
  const logger = pino(options, pretty ? readable(destination) : destination)
  return {
    info: (fields, message) => logger.info(safeFields(fields), safeText(message)),
    warn: (fields, message) => logger.warn(safeFields(fields), safeText(message)),
    error: (fields, message) => logger.error(safeFields(fields), safeText(message)),
  }
}

const named = (level: string) => ({ level })

function readable(destination: Destination): Destination {
  return { write: (line) => destination.write(onOneLine(JSON.parse(line) as Record<string, unknown>)) }
}

function onOneLine({ level, time, msg, ...fields }: Record<string, unknown>): string {
  const clockTime = new Date(String(time)).toTimeString().slice(0, 8)
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${plain(value)}`)
  return `${clockTime} ${String(level).padEnd(5)} ${msg}${details.join('')}\n`
}

function plain(value: unknown): string {
  return typeof value === 'string' && /^[^\s="]+$/.test(value) ? value : JSON.stringify(value)
}

/**
 * What may be logged, by name: whatever is not listed here is left out and its name is told, so that a new field is a
 * decision and a body cannot slip in. Names that end in one of `safeEndings` hold ids, measures and counts.
 */
const safeNames = new Set([
  ...['id', 'pid', 'port', 'host', 'path', 'url', 'signal', 'version', 'runsAs', 'node', 'role', 'roles', 'setting'],
  ...['method', 'route', 'status', 'code', 'kind', 'state', 'outcome', 'channel', 'provider', 'type', 'event'],
  ...[
    'attempt',
    'attempts',
    'retryable',
    'count',
    'claimed',
    'sent',
    'dropped',
    'table',
    'statement',
    'migration',
    'unsafe',
  ],
])
const safeEndings = /(Id|Ids|Ms|At|Bytes|Count|Max|Min)$/
const handleNames = new Set(['handle', 'from', 'to', 'line', 'number', 'recipient'])
const errorNames = new Set(['err', 'error', 'cause'])
const listMax = 20

function safeFields(fields: object): Record<string, unknown> {
  const safe: Record<string, unknown> = {}
  const omitted: string[] = []
  for (const [name, value] of Object.entries(fields)) {
    const kept = value === undefined ? undefined : safeField(name, value)
    if (kept !== undefined) safe[name] = kept
    else if (value !== undefined) omitted.push(name)
  }
  return omitted.length > 0 ? { ...safe, omitted: omitted.slice(0, listMax).map(safeText) } : safe
}

/** Undefined when the field may not be told. */
function safeField(name: string, value: unknown): unknown {
  if (errorNames.has(name)) return value instanceof Error ? safeError(value) : undefined
  if (handleNames.has(name)) return typeof value === 'string' ? maskHandle(value) : undefined
  if (!safeNames.has(name) && !safeEndings.test(name)) return undefined
  if (Array.isArray(value)) return value.slice(0, listMax).map((one) => (isPlain(one) ? safeValue(one) : '[object]'))
  return isPlain(value) ? safeValue(value) : undefined
}

type Plain = string | number | bigint | boolean | null

function isPlain(value: unknown): value is Plain {
  return value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

function safeValue(value: Plain): Plain {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'string' ? safeText(value) : value
}

/** Name, code, message and stack; a database's `detail` or a response's body stay behind. */
function safeError(error: Error): Record<string, unknown> {
  const { name, stack = '', cause } = error
  const code = 'code' in error && isPlain(error.code) ? safeValue(error.code) : null
  // The stack begins with the message, which may hold line breaks: only the frames are taken from it.
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    name,
    ...(code === null ? {} : { code }),
    message: safeText(withoutQuotes(error, code)),
    stack: frames.slice(0, listMax).map((line) => safeText(line.trim())),
    ...(cause instanceof Error ? { cause: safeError(cause) } : {}),
  }
}

/** Errors quote names, which are wanted, and values, which are not: class 22 of SQLSTATE and JSON.parse quote only values. */
function withoutQuotes(error: Error, code: Plain): string {
  const onlyValues = error instanceof SyntaxError || String(code).startsWith('22')
  return error.message.replace(/(["'`])(.*?)\1/gs, (whole, quote: string, inner: string) =>
    !onlyValues && /^[a-z][a-z0-9_.-]{0,62}$/i.test(inner) ? whole : `${quote}…${quote}`,
  )
}

const textLengthMax = 500
// Cut before covering only to bound the work: the pieces of a secret cut in two here never reach the line.
const coveredLengthMax = 8_000
const secret = '[secret]'

/** In order: what swallows more of the text goes first. */
const coverings: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/\{.*\}/gs, () => '{…}'],
  [/(?<=\w:\/\/)[^\s/@]*@/g, () => `${secret}@`],
  [/\?[^\s"'#]+=[^\s"'#]*/g, () => '?…'],
  [/(?<=\b(?:Bearer|Basic)\s+)\S+/gi, () => secret],
  [/\bWBT\|\S+/g, () => secret],
  // But for the ids of requests that we give ourselves: callers quote them.
  [
    /\b(?!req_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w+/=-]))[A-Za-z][A-Za-z0-9]{0,15}_[A-Za-z0-9+/_-]{32,}=*/g,
    () => secret,
  ],
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/g, () => secret],
  [/[^\s@"'<>(),;:=/\]]{1,64}@[^\s@"'<>(),;]+\.[A-Za-z]{2,}/g, maskHandle],
  [/\+\d[\d().\s-]{5,}\d/g, maskHandle],
  [/(?<![\w.-])\d{10,15}(?![\w-])/g, maskHandle],
]

function safeText(text: string): string {
  const covered = coverings.reduce(
    (rest, [pattern, cover]) => rest.replace(pattern, cover),
    text.slice(0, coveredLengthMax),
  )
  return covered.slice(0, textLengthMax)
}

/** Enough to recognise a person one already knows, too little to call or write to a stranger. */
export function maskHandle(handle: string): string {
  const at = handle.lastIndexOf('@')
  if (at === -1) return maskNumber(handle)
  const name = handle.slice(0, at)
  return `${/^\+?\d/.test(name) ? maskNumber(name) : `${name.slice(0, 1)}…`}${handle.slice(at)}`
}

function maskNumber(number: string): string {
  return number.length < 9 ? `…${number.slice(-2)}` : `${number.slice(0, 5)}…${number.slice(-2)}`
}
