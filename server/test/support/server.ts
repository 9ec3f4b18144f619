/** A PostgreSQL of the tests' own with a migrated template database; also for what runs outside the test runner. */
import { systemClock } from '../../src/lib/clock.ts'
import { createDb } from '../../src/store/db.ts'
import { startEmbeddedPostgres } from '../../src/store/postgres/embedded.ts'
import { migrate, readMigrations } from '../../src/store/postgres/migrate.ts'

export interface ServerAddress {
  host: string
  port: number
  user: string
  database: string
}

export interface TestServer {
  address: ServerAddress
  stop(): Promise<void>
}

export const templateName = 'switchboard_template'

const silent = { info() {}, warn() {}, error() {} }

export async function startServer(dir: string): Promise<TestServer> {
  const server = await startEmbeddedPostgres({ dir, log: silent, clock: systemClock })
  const address = server.connection
  await withSession(address, (query) => query(`create database ${templateName}`))
  await withSession({ ...address, database: templateName }, async (_query, session) => {
    await migrate(session, await readMigrations())
  })
  return { address, stop: server.stop }
}

type Session = Awaited<ReturnType<ReturnType<typeof createDb>['session']>>

export async function withSession<Result>(
  address: ServerAddress,
  work: (query: (text: string) => Promise<unknown>, session: Session) => Promise<Result>,
): Promise<Result> {
  const fail = (error: Error) => {
    throw error
  }
  const db = createDb({ address, connectionsMax: 1, applicationName: 'test', onError: fail })
  const session = await db.session(fail)
  try {
    return await work((text) => session.query({ name: '', text }), session)
  } finally {
    await session.close()
    await db.close()
  }
}
