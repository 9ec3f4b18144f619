/** The database under the bench: whether it may be measured at all, and making it empty between rounds. */
import type { Queryable } from '../../src/store/db.ts'

/** A figure from a database that does not wait for its disk would be a lie. */
export async function assertSafe(db: Queryable): Promise<void> {
  const rows = await db.query<{ name: string; setting: string }>({
    name: '',
    text: `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')`,
  })
  const off = rows.filter(({ setting }) => setting !== 'on')
  if (rows.length !== 3 || off.length > 0) throw new Error(`The database is not safe: ${JSON.stringify(rows)}`)
}

export async function versionOf(db: Queryable): Promise<string> {
  const [row] = await db.query<{ version: string }>({
    name: '',
    text: `select current_setting('server_version') as version`,
  })
  return `PostgreSQL ${row?.version}`
}

/** How many deliveries are still to be made. */
export async function countWaiting(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>({ name: '', text: 'select count(*) from webhook_queue' })
  return row?.count ?? 0
}

/** How many messages have come in. */
export async function countHeard(db: Queryable): Promise<number> {
  const text = `select count(*) from messages where direction = 'inbound'`
  const [row] = await db.query<{ count: number }>({ name: '', text })
  return row?.count ?? 0
}

const filled = `messages, provider_ids, conversations, outbox, lanes, attempts, events, webhooks, webhook_queue, webhook_log,
  webhook_attempts, webhook_jobs`

/** Customers, keys and lines stay. */
export async function emptyOut(db: Queryable): Promise<void> {
  await db.query({ name: '', text: `truncate ${filled}` })
  await db.query({ name: '', text: 'checkpoint' })
}
