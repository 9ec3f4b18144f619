/** Asks a server over its socket whether it is ready and whether it serves the directory in question. */
import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, DatabaseError } from 'pg'
import { port, superuser } from './cluster.ts'

export interface Connection {
  host: string
  port: number
  user: string
  database: string
}

export type Answer = 'serves' | 'elsewhere' | 'busy' | 'silent'

export function connectionTo(socketDir: string): Connection {
  return { host: socketDir, port, user: superuser, database: superuser }
}

/** Given, so that PGSSLMODE and PGOPTIONS of the environment are not asked; an empty `options` would not do. */
const unswayed = { ssl: false, options: '-c statement_timeout=5000' }

/** A path proves nothing once directories are copied or moved, so the server is asked for a file that was just put there. */
export async function ask(connection: Connection, dir: string): Promise<Answer> {
  const client = new Client({ ...connection, ...unswayed, connectionTimeoutMillis: 2_000, query_timeout: 5_000 })
  // A connection that breaks also rejects the pending call below; unheard, this event would end the process.
  client.on('error', () => {})
  const mark = `switchboard-${randomUUID()}`
  try {
    await client.connect()
    await writeFile(join(dir, mark), '', { mode: 0o644 })
    const { rows } = await client.query('SELECT (pg_stat_file($1, true)).size IS NOT NULL AS here', [mark])
    return rows[0]?.here === true ? 'serves' : 'elsewhere'
  } catch (error) {
    if (!(error instanceof DatabaseError)) return 'silent'
    if (error.code && busyCodes.has(error.code)) return 'busy'
    throw error
  } finally {
    await rm(join(dir, mark), { force: true })
    await client.end()
  }
}

/** cannot_connect_now while it starts or stops, admin_shutdown, crash_shutdown, too_many_connections. */
const busyCodes = new Set(['57P03', '57P01', '57P02', '53300'])
