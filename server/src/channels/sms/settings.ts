/** Reads the settings that stand in the URL of a line, whoever its provider is. */
import { readQuery as readSettings, type Setting, type Values } from '../../lib/setting-values.ts'
import type { SettingsProblem } from '../connector.ts'

export type Checked<Value> = { ok: true; value: Value } | { ok: false; problem: SettingsProblem }

export function readQuery<Settings extends Readonly<Record<string, Setting<unknown>>>>(
  url: URL,
  settings: Settings,
): Checked<Values<Settings>> {
  const read = readSettings(url.searchParams, settings)
  return read.ok ? read : wrongUrl(read.message)
}

export function wrongUrl(message: string): { ok: false; problem: SettingsProblem } {
  return { ok: false, problem: { path: 'url', message } }
}

/** Null: a percent sign went astray, and there is no telling what was meant. */
export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
