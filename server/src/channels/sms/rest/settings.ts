/** Reads what an operator wrote about a provider that is reached over HTTP: where it is, who we are there, and its settings. */
import type { Reader } from '../../../lib/setting-values.ts'
import type { SettingsProblem } from '../../connector.ts'

export interface Setting<Value> {
  reader: Reader<Value>
  otherwise: Value
}

export type Values<Settings> = {
  [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never
}

export interface Place {
  user: string
  /** Scheme, host and port. */
  origin: string
  /** The path that everything else comes after, without a slash at its end. */
  basePath: string
  isSecure: boolean
}

export type Checked<Value> = { ok: true; value: Value } | { ok: false; problem: SettingsProblem }

export interface PlaceRules {
  example: string
  /** What stands before the @, in words and as a pattern. */
  user: { is: string; pattern: RegExp }
}

export function readPlace(text: string | null, rules: PlaceRules): Checked<{ url: URL; place: Place }> {
  const wrong = (what: string) => wrongUrl(`${what} Write it like ${rules.example}.`)
  const url = text === null ? null : URL.parse(text)
  if (url === null) return wrong('The URL of the provider is missing or not a URL.')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return wrong('The URL must begin with https:// or http://.')
  if (url.password !== '') return wrong('A secret must not stand in the URL: put it into the password.')
  if (url.hash !== '') return wrong('The URL must not contain a #.')
  const user = decoded(url.username)
  if (user === null || !rules.user.pattern.test(user)) return wrong(`Before the @ must stand ${rules.user.is}.`)
  const place = {
    user,
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    isSecure: url.protocol === 'https:',
  }
  return { ok: true, value: { url, place } }
}

export function readQuery<Settings extends Readonly<Record<string, Setting<unknown>>>>(
  url: URL,
  settings: Settings,
): Checked<Values<Settings>> {
  const values: Record<string, unknown> = {}
  for (const [name, { otherwise }] of Object.entries(settings)) values[name] = otherwise
  const given = new Set<string>()
  for (const [name, text] of url.searchParams) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (setting === undefined) return wrongUrl(`The setting ${shown(name)} is not known. ${known(settings)}`)
    if (given.has(name)) return wrongUrl(`The setting ${name} is given twice; keep one.`)
    given.add(name)
    const value = setting.reader.read(text)
    if (value === undefined) return wrongUrl(`The setting ${name} must ${setting.reader.must}.`)
    values[name] = value
  }
  return { ok: true, value: values as Values<Settings> }
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

export function wrongUrl(message: string): { ok: false; problem: SettingsProblem } {
  return { ok: false, problem: { path: 'url', message } }
}

function known(settings: object): string {
  return `Known are ${Object.keys(settings).join(', ')}.`
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40).toWellFormed())
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
