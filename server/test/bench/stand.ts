/** The test stand: a data directory of its own with customers and lines in it, and gateways started on it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../../src/config.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createDb } from '../../src/store/db.ts'
import { startEmbeddedPostgres } from '../../src/store/postgres/embedded.ts'
import { type Child, startChild } from './child.ts'
import { emptyOut } from './database.ts'
import type { Sender } from './traffic.ts'

export interface Stand {
  dataDir: string
  senders: readonly Sender[]
  /** The database's name and version. */
  database: string
}

export interface GatewayStart {
  roles: readonly Role[]
  stamps?: boolean
}

export interface Settings {
  seconds: number
  rounds: number
  /** For the gateway's process, to try something. */
  nodeFlags: readonly string[]
  /** How many messages the growth part fills at most. */
  to: number
  /** How many sessions the part about WhatsApp links at most. */
  sessions: number
  say(text: string): void
}

export const allRoles: readonly Role[] = ['api', 'outbox', 'webhooks', 'links']

/** Folders of this run; whatever ends the bench, they go. */
const folders = new Set<string>()

/** After the processes have ended: a database that its gateway has left behind ends here. */
export function removeFolders(): void {
  for (const folder of folders) {
    const left = postmasterOf(join(folder, 'data'))
    if (left !== null) process.kill(left, 'SIGQUIT')
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  folders.clear()
}

/** The database server that says it works in this data directory; null when none does. */
export function postmasterOf(dataDir: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10)
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres') ? pid : null
  } catch {
    return null
  }
}

export function openFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'switchboard-bench-'))
  folders.add(path)
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true })
      folders.delete(path)
    },
  }
}

export async function withStand<Result>(settings: Settings, work: (stand: Stand) => Promise<Result>): Promise<Result> {
  const folder = openFolder()
  const dataDir = join(folder.path, 'data')
  try {
    settings.say('setting up a gateway with customers and lines')
    const { child, version } = await startGateway(settings, { dataDir }, { roles: allRoles })
    const senders = await child.ask<Sender[]>('furnish')
    await child.stop()
    return await work({ dataDir, senders, database: version })
  } finally {
    folder.remove()
  }
}

/** Between rounds, while no gateway works on it. */
export async function emptyStand({ dataDir }: Stand): Promise<void> {
  const postgres = await startEmbeddedPostgres({ dir: join(dataDir, 'postgres'), log: silent, clock: systemClock })
  const onError = (error: Error) => {
    throw error
  }
  const db = createDb({ address: postgres.connection, connectionsMax: 1, applicationName: 'bench', onError })
  await emptyOut(db)
  await db.close()
  await postgres.stop()
}

const silent = { info() {}, warn() {}, error() {} }

/** As `npm start` does it, with its own database, and without a limit on requests. */
export async function startGateway(
  settings: Pick<Settings, 'nodeFlags'>,
  stand: Pick<Stand, 'dataDir'>,
  { roles, stamps = false }: GatewayStart,
): Promise<{ child: Child; port: number; version: string }> {
  const flags = [
    ...['--data-dir', stand.dataDir, '--port', '0', '--sandbox', 'on', '--roles', roles.join()],
    ...['--rate-limit-per-minute', '0', '--log-level', 'error', '--log-format', 'json'],
  ]
  const child = await startChild('gateway-process', { flags, stamps }, settings.nodeFlags)
  const { port, version } = await child.ask<{ port: number; version: string }>('place')
  return { child, port, version }
}
