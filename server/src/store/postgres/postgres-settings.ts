/** Refuses a PostgreSQL server that may lose what it has confirmed, or that is too old for the SQL used here. */
import { StartRefused } from '../../lib/start-refused.ts'

export type Ask = (sql: string) => Promise<readonly { name: string; setting: string }[]>

export interface Durability {
  version: string
  /** Settings that put confirmed data at risk; only ever filled when that was allowed. */
  unsafe: string[]
}

/** `SHOW` each instead would cost a round trip each; `pg_settings` tells what holds for this very session. */
const question = `
  SELECT name, setting FROM pg_settings
  WHERE name IN ('server_version', 'server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit')`

const oldestVersionNumber = 150_000

export async function assertDurable(ask: Ask, { allowUnsafe }: { allowUnsafe: boolean }): Promise<Durability> {
  const rows = await ask(question)
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]))
  const version = settings.get('server_version') ?? 'unknown'
  if (!(Number(settings.get('server_version_num')) >= oldestVersionNumber)) {
    throw new StartRefused(
      `The database is PostgreSQL ${version} but 15 or newer is needed: upgrade it, or set another DATABASE_URL.`,
    )
  }
  const unsafe = ['fsync', 'full_page_writes', 'synchronous_commit'].filter((name) => settings.get(name) === 'off')
  if (unsafe.length > 0 && !allowUnsafe) {
    const found = unsafe.map((name) => `${name}=off`).join(' and ')
    const them = unsafe.length > 1 ? 'them' : 'it'
    throw new StartRefused(
      `The database runs with ${found} and may lose messages it has confirmed: switch ${them} on, or set ALLOW_UNSAFE_DATABASE=1 to accept that.`,
    )
  }
  return { version, unsafe }
}
