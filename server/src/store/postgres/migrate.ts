/** Forward-only, numbered migrations, taken under a lock so that processes starting together are safe. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Session } from '../db.ts'

const folder = new URL('../migrations/', import.meta.url)
const namePattern = /^(\d{4})-[a-z0-9-]+\.sql$/
/** Any constant of our own: the key of the advisory lock that serialises migrations. */
const lockKey = 7_331_001

export interface Migration {
  number: number
  name: string
  sql: string
  checksum: string
}

export async function readMigrations(from: URL = folder): Promise<Migration[]> {
  const names = (await readdir(from)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number(namePattern.exec(name)?.[1])
      if (number !== index + 1)
        throw new Error(`Migration ${name} must be named ${String(index + 1).padStart(4, '0')}-what-it-does.sql.`)
      const sql = await readFile(new URL(name, from), 'utf8')
      return { number, name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** Applies what is missing, each in a transaction of its own, and returns the names of what it applied. */
export async function migrate(session: Session, migrations: readonly Migration[]): Promise<string[]> {
  await session.query({ name: 'migrate-lock', text: 'select pg_advisory_lock($1)' }, [lockKey])
  try {
    await session.query({
      name: 'migrate-table',
      text: `create table if not exists migrations (
        number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`,
    })
    const applied = await session.query<{ number: number; name: string; checksum: string }>({
      name: 'migrate-read',
      text: 'select number, name, checksum from migrations order by number',
    })
    refuseStrangers(applied, migrations)
    const missing = migrations.slice(applied.length)
    for (const migration of missing) await apply(session, migration)
    return missing.map((migration) => migration.name)
  } finally {
    await session.query({ name: 'migrate-unlock', text: 'select pg_advisory_unlock($1)' }, [lockKey])
  }
}

function refuseStrangers(
  applied: readonly { number: number; name: string; checksum: string }[],
  known: readonly Migration[],
): void {
  for (const row of applied) {
    const migration = known[row.number - 1]
    if (migration === undefined) {
      throw new Error(
        `The database has migration ${row.name}, which this version does not know. Start the newer version of the gateway that wrote it.`,
      )
    }
    if (migration.checksum !== row.checksum) {
      throw new Error(
        `Migration ${row.name} was changed after it ran on this database. Restore the file; put changes in a new migration.`,
      )
    }
  }
}

async function apply(session: Session, migration: Migration): Promise<void> {
  // No name: many statements in one text cannot be prepared. One text is one implicit transaction.
  const escaped = [migration.name, migration.checksum].map((text) => `'${text.replaceAll("'", "''")}'`)
  const record = `insert into migrations (number, name, checksum) values (${migration.number}, ${escaped.join(', ')});`
  try {
    await session.query({ name: '', text: `begin;\n${migration.sql}\n;${record}\ncommit;` })
  } catch (error) {
    // The session goes on after this, so it must leave the failed transaction.
    await session.query({ name: '', text: 'rollback' })
    throw error
  }
}
