/** Reads the settings that stand in the URL of a line, whoever its provider is. */
import type { Reader } from '../../lib/setting-values.ts'
import type { SettingsProblem } from '../connector.ts'

export interface Setting<Value> {
  reader: Reader<Value>
  otherwise: Value
}

export type Values<Settings> = {
  [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never
}

export type Checked<Value> = { ok: true; value: Value } | { ok: false; problem: SettingsProblem }

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

/** Null: a percent sign went astray, and there is no telling what was meant. */
export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
