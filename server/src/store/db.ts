/** The pool, statements and transactions: the only file that talks to the PostgreSQL driver on the message path. */
import pg from 'pg'
import { GatewayError } from '../model/errors.ts'

/** Named statements are prepared once per connection. */
export interface Statement {
  name: string
  text: string
}

export interface Queryable {
  query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>
}

export interface Db extends Queryable {
  /** Runs `work` in one transaction; a deadlock or a serialisation failure runs it again, from its start. */
  transaction<Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result>
  /** A connection of its own, outside the pool, for what lives as long as a session: locks and notifications. */
  session(onLost: (error: Error) => void): Promise<Session>
  close(): Promise<void>
}

export interface Session extends Queryable {
  onNotification(hear: (payload: string) => void): void
  close(): Promise<void>
}

/** Where the database is: the embedded one's socket, or a URL. */
export type DbAddress = { url: string } | { host: string; port: number; user: string; database: string }

export interface DbOptions {
  address: DbAddress
  connectionsMax: number
  applicationName: string
  onError(error: Error): void
}

const transactionTriesMax = 5
const bigintOid = 20

/**
 * Every query here finds its rows by key. Statistics of a young table say otherwise and a cached plan would keep
 * scanning while the table grows, so scans and hash joins are priced out for the gateway's own connections.
 */
const plannerOptions = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off'
/** A process that freezes inside a transaction keeps its locks; the others must not wait longer for them than for its leases. */
const limitOptions = '-c statement_timeout=30000 -c idle_in_transaction_session_timeout=5000 -c synchronous_commit=on'

export function createDb(options: DbOptions): Db {
  const config = connectionConfig(options)
  const pool = new pg.Pool({
    ...config,
    max: options.connectionsMax,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
  })
  const closing = false
  const onError = (error: Error) => {
    // The pool has let go of its connections before they have ended, and the server may end them first.
    if (!closing) options.onError(error)
  }
  // Without both listeners a connection that breaks while idle, or while checked out, ends the process.
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  const opened = new Set<pg.PoolClient>()
  pool.on('connect', (client) => opened.add(client))
  pool.on('remove', (client) => opened.delete(client))

  return {
    query: (statement, values) => named(() => insisting(() => run(pool, statement, values))),
    transaction: (work) => named(() => transact(pool, work)),
    session: (onLost) => openSession(config, onLost),
    async close() {
      // The pool's own end only sends farewells: a server that is stopped before it has read them calls that a failure.
      const gone = [...opened].map((client) => new Promise((resolve) => client.once('end', resolve)))
      await pool.end()
      await Promise.all(gone)
    },
  }
}

function connectionConfig(options: DbOptions): pg.ClientConfig {
  const { address } = options
  const where = 'url' in address ? { connectionString: address.url } : address
  return {
    ...where,
    application_name: options.applicationName,
    keepAlive: true,
    options: `${plannerOptions} ${limitOptions}`,
    types: {
      // Sequences and counts stay far below 2^53.
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === bigintOid && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  }
}

interface Runner {
  query(config: pg.QueryConfig): Promise<{ rows: unknown[] }>
}

async function run<Row>(runner: Runner, statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
  const result = await runner.query({ name: statement.name, text: statement.text, values: [...values] })
  return result.rows as Row[]
}

/** A statement of its own that loses a race has changed nothing: it is made again, like a transaction. */
async function insisting<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!isContention(error) || tries >= transactionTriesMax) throw error
    }
  }
}

async function transact<Result>(pool: pg.Pool, work: (tx: Queryable) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      await client.query('begin')
      const result = await work({ query: (statement, values) => run(client, statement, values) })
      await client.query('commit')
      return result
    } catch (error) {
      broken = await rollback(client)
      if (!(error instanceof Conflict) && !isContention(error)) throw error
      if (tries >= transactionTriesMax) throw error
    } finally {
      client.release(broken)
    }
  }
}

/** A failed rollback means the connection itself is gone: it must not return to the pool. */
async function rollback(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query('rollback')
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Thrown inside a transaction when a row moved between reading and writing: the transaction starts again. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function isContention(error: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(error))
}

const lostCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  '53300',
  '53100',
  '57014',
  '25P03',
])
const lostMessages =
  /connection (?:terminated|ended)|timeout exceeded when trying to connect|client has encountered a connection error|not queryable|client was closed/i

function isUnavailable(error: unknown): boolean {
  const code = codeOf(error)
  if (lostCodes.has(code) || code.startsWith('08') || code.startsWith('57P')) return true
  return error instanceof Error && lostMessages.test(error.message)
}

/** Callers learn that the database is away and when to come back, never how it said so. */
async function named<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!isUnavailable(error) && !isContention(error) && !(error instanceof Conflict)) throw error
    const unavailable = new GatewayError(
      'SERVICE_UNAVAILABLE',
      'The database cannot be reached right now. Repeat the request with the same idempotency key; it will not be done twice.',
      { retryAfterMs: 1000 },
    )
    unavailable.cause = error
    throw unavailable
  }
}

async function openSession(config: pg.ClientConfig, onLost: (error: Error) => void): Promise<Session> {
  const client = new pg.Client({ ...config, options: '-c statement_timeout=30000' })
  let closing = false
  client.on('error', (error) => {
    if (!closing) onLost(error)
  })
  client.on('end', () => {
    if (!closing) onLost(new Error('The database session ended.'))
  })
  await client.connect()
  return {
    query: (statement, values) => run(client, statement, values),
    onNotification: (hear) => {
      client.on('notification', (message) => hear(message.payload ?? ''))
    },
    close: async () => {
      closing = true
      await client.end()
    },
  }
}
