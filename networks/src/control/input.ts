/** What may be asked of the control API, field by field: a mistake is answered in words, and nothing is taken for granted. */
import type { Behaviour } from '../people.ts'
import { Refused } from './door.ts'

export type Check = { wanted: string; fits(value: unknown): boolean }

export const isOneOf = (...words: readonly string[]): Check => ({
  wanted: words.map((word) => `"${word}"`).join(' or '),
  fits: (value) => typeof value === 'string' && words.includes(value),
})
export const isText = (max: number): Check => ({
  wanted: `a text of 1 to ${max} characters`,
  fits: (value) => typeof value === 'string' && value.length > 0 && value.length <= max,
})
export const isWhole = (max: number): Check => ({
  wanted: `a whole number from 0 to ${max}`,
  fits: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max,
})
export const isYesNo: Check = { wanted: 'true or false', fits: (value) => typeof value === 'boolean' }
export const orNull = ({ wanted, fits }: Check): Check => ({
  wanted: `${wanted}, or null`,
  fits: (value) => value === null || fits(value),
})

const email = /^[\w.+-]{1,64}@[A-Za-z0-9.-]{1,190}$/
/** A number, a short code, an e-mail address, or a name such as alphanumeric senders have. */
const handle = /^(?:\+\d{7,15}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ._-]{1,11})$/
const isHandle: Check = {
  wanted:
    'a number such as +15550100199, a short code of 3 to 8 digits, an e-mail address, or a name of at most 11 letters and digits',
  fits: (value) => typeof value === 'string' && (handle.test(value) || email.test(value)),
}

/** What people are reached by on iMessage. */
export const address: Check = {
  wanted: 'a number such as +15550100199, or an e-mail address',
  fits: (value) => typeof value === 'string' && (/^\+\d{7,15}$/.test(value) || email.test(value)),
}

const dayMs = 86_400_000
const behaviourFields: Record<keyof Behaviour, Check> = {
  exists: isYesNo,
  onWhatsapp: isYesNo,
  onImessage: isYesNo,
  receiptAfterMs: orNull(isWhole(dayMs)),
  receipt: isOneOf('delivered', 'failed'),
  readAfterMs: orNull(isWhole(dayMs)),
  writesBack: orNull(isText(1_600)),
  writesBackAfterMs: isWhole(dayMs),
  failsFirst: isWhole(1_000),
  throttledFirst: isWhole(1_000),
  throttledForMs: isWhole(dayMs),
  neverAnswers: isYesNo,
  refusesMedia: isYesNo,
}

export function numberIn(text: string): string {
  if (isHandle.fits(text)) return text
  throw new Refused(400, `In the path there must be ${isHandle.wanted}. Write a plus as %2B or as it is.`)
}

export function behaviourIn(body: unknown): Partial<Behaviour> {
  return fieldsIn(body, behaviourFields)
}

const httpUrl: Check = {
  wanted: 'a URL that begins with http:// or https://',
  fits: (value) =>
    typeof value === 'string' && value.length <= 2_048 && /^https?:\/\//.test(value) && URL.canParse(value),
}

export function inboundIn(body: unknown): { number: string; url: string } {
  const { number, url } = fieldsIn<{ number: string; url: string }>(body, { number: isHandle, url: httpUrl })
  if (number === undefined || url === undefined) throw new Refused(400, 'Name `number` and `url`.')
  return { number, url }
}

export const phone: Check = {
  wanted: 'a number such as +15550100199',
  fits: (value) => typeof value === 'string' && /^\+\d{7,15}$/.test(value),
}

export interface Say {
  network: string
  to: string
  text: string
}

export function sayIn(body: unknown, networks: readonly string[]): Say {
  const said = fieldsIn<Say>(body, { network: isOneOf(...networks), to: isHandle, text: isText(10_000) })
  const { network, to, text } = said
  if (network === undefined || to === undefined || text === undefined)
    throw new Refused(400, 'Name `network`, `to` and `text`.')
  return { network, to, text }
}

export function faultsIn(body: unknown, known: readonly string[]): Readonly<Record<string, boolean>> {
  const checks = Object.fromEntries(known.map((name) => [name, isYesNo]))
  const faults = Object.entries(fieldsIn<Record<string, boolean>>(body, checks))
  return Object.fromEntries(faults.flatMap(([name, isOn]) => (isOn === undefined ? [] : [[name, isOn]])))
}

export function afterIn(query: URLSearchParams): number {
  const stray = [...query.keys()].find((name) => name !== 'after')
  if (stray !== undefined) throw new Refused(400, `There is no \`${shortened(stray)}\` here, only \`after\`.`)
  const after = query.get('after') ?? '0'
  if (!/^\d{1,15}$/.test(after)) throw new Refused(400, '`after` must be the `seq` of a message.')
  return Number(after)
}

/** Every field is known and fits; at least one is there. */
export function fieldsIn<Fields extends object>(
  body: unknown,
  checks: Record<keyof Fields & string, Check>,
): Partial<Fields> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refused(400, 'The body must be a JSON object.')
  const known: ReadonlyMap<string, Check> = new Map(Object.entries(checks))
  const given = Object.entries(body)
  for (const [name, value] of given) {
    const check = known.get(name)
    const names = [...known.keys()].join(', ')
    if (check === undefined) throw new Refused(400, `There is no \`${shortened(name)}\` here, only: ${names}.`)
    if (!check.fits(value)) throw new Refused(400, `\`${name}\` must be ${check.wanted}.`)
  }
  if (given.length === 0) throw new Refused(400, `Name at least one of: ${[...known.keys()].join(', ')}.`)
  return body as Partial<Fields>
}

function shortened(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name
}
