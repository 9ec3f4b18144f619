/** From a Config to a running gateway with its database, its networks and its HTTP door; and back, in reverse order. */
import { join } from 'node:path'
import type { Connector } from './channels/connector.ts'
import { createRegistry } from './channels/registry.ts'
import type { Config } from './config.ts'
import type { Gateway } from './gateway.ts'
import { createHttp } from './http.ts'
import { seededChance } from './lib/chance.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { type DataDir, openDataDir, type SandboxInfo } from './lib/data-dir.ts'
import { createSafeFetch, type SafeFetch } from './lib/egress/safe-fetch.ts'
import { createLog, type Log } from './lib/log.ts'
import { createMint } from './lib/mint.ts'
import { createSealedBox } from './lib/sealed-box.ts'
import { createDiskBlobs } from './media/blobs.ts'
import type { Channel } from './model/channel.ts'
import { openSandbox } from './sandbox.ts'
import { createDb, type Db, type DbAddress } from './store/db.ts'
import { type KeptPostgres, keepEmbeddedPostgres } from './store/postgres/keeper.ts'
import { textbubblesWording } from './surfaces/textbubbles/webhooks/wording.ts'
import { createGateway } from './wiring.ts'

export interface Running {
  url: string
  gateway: Gateway
  dataDir: DataDir
  sandbox: SandboxInfo | null
  stop(): Promise<void>
}

/** What a test may put in the place of the real thing. */
export interface Overrides {
  clock?: Clock
  log?: Log
  connectors?: ReadonlyMap<Channel, Connector>
  wrapDb?(db: Db): Db
  onProgress?(what: string): void
}

export async function compose(config: Config, overrides: Overrides = {}): Promise<Running> {
  const clock = overrides.clock ?? systemClock
  const log = overrides.log ?? createLog({ level: config.logLevel, format: config.logFormat })
  const undo: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const dataDir = await openDataDir(config.dataDir, givenKeys(config))
    undo.push(() => dataDir.release())
    const { address, postgres } = await openDatabase(config, { clock, log, ...overrides })
    if (postgres !== null) undo.push(() => postgres.stop())
    const own: { host: string; port: number }[] = []
    const egress = createSafeFetch({ clock, policy: config.privateNetworks, own: () => own })
    undo.push(() => egress.close())
    const { gateway, registry } = buildGateway(config, { clock, log, dataDir, address, egress, overrides })
    undo.push(() => registry.stop())
    await gateway.start()
    undo.push(() => gateway.stop())
    const { version, host, port, publicUrl, trustProxy } = config
    const http = createHttp({
      gateway,
      clock,
      log,
      adminKey: dataDir.keys.adminKey,
      version,
      host,
      port,
      publicUrl,
      trustProxy,
    })
    const url = config.roles.includes('api') ? await http.listen() : ''
    if (url !== '') own.push({ host, port: Number(new URL(url).port) })
    undo.push(() => http.close())
    const sandbox = config.sandbox ? await openSandbox({ gateway, dataDir, url }) : null
    return { url, gateway, dataDir, sandbox, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function givenKeys(config: Config): { adminKey?: string; masterKey?: string } {
  return {
    ...(config.adminKey === null ? {} : { adminKey: config.adminKey }),
    ...(config.masterKey === null ? {} : { masterKey: config.masterKey }),
  }
}

async function openDatabase(
  config: Config,
  tools: { clock: Clock; log: Log; onProgress?(what: string): void },
): Promise<{ address: DbAddress; postgres: KeptPostgres | null }> {
  if (config.databaseUrl !== null) return { address: { url: config.databaseUrl }, postgres: null }
  const postgres = await keepEmbeddedPostgres({ dir: join(config.dataDir, 'postgres'), ...tools })
  return { address: postgres.connection, postgres }
}

interface Parts {
  clock: Clock
  log: Log
  dataDir: DataDir
  address: DbAddress
  egress: SafeFetch
  overrides: Overrides
}

function buildGateway(config: Config, parts: Parts): { gateway: Gateway; registry: ReturnType<typeof createRegistry> } {
  const { clock, log, dataDir, address, egress, overrides } = parts
  const mint = createMint(clock)
  const onError = (error: Error) => log.error({ err: error }, 'a database connection broke')
  const opened = createDb({ address, connectionsMax: config.poolMax, applicationName: 'switchboard', onError })
  const registry = createRegistry({ clock, sandbox: config.sandbox, connectors: overrides.connectors ?? null })
  const mediaDir = config.media.kind === 'file' ? config.media.dir : join(config.dataDir, 'media')
  const gateway = createGateway({
    db: overrides.wrapDb?.(opened) ?? opened,
    clock,
    mint,
    log,
    box: createSealedBox(Buffer.from(dataDir.keys.masterKey, 'base64')),
    blobs: createDiskBlobs(mediaDir, mint),
    connectors: registry.connectors,
    providers: registry.providers,
    egress,
    wording: textbubblesWording,
    roles: { links: config.roles.includes('links'), webhooks: config.roles.includes('webhooks') },
    webhooks: {
      scheduleMs: config.webhookScheduleMs,
      timeoutMs: config.webhookTimeoutMs,
      userAgent: `Switchboard/${config.version}`,
      chance: seededChance(mint()).next,
    },
    keyPrefix: config.keyPrefix,
    requestsPerMinute: config.rateLimitPerMinute,
    eventRetentionMs: config.eventRetentionMs,
    allowUnsafeDatabase: config.allowUnsafeDatabase,
  })
  return { gateway, registry }
}
