/** From a Config to a running gateway with its database, its networks and its HTTP door; and back, in reverse order. */
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import type { Connector, Icon } from './channels/connector.ts'
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
import { createSpool, type Spool } from './media/spool.ts'
import { createDiskStorage } from './media/storage/disk.ts'
import { createS3Storage } from './media/storage/s3.ts'
import type { Storage } from './media/storage/storage.ts'
import { createToolbox, type Toolbox } from './media/toolbox.ts'
import type { Channel } from './model/channel.ts'
import { type KeptNetworks, keepNetworks, withoutNetworks } from './sandbox/networks.ts'
import { openSandbox } from './sandbox/sandbox.ts'
import { createDb, type Db, type DbAddress } from './store/db.ts'
import { type KeptPostgres, keepEmbeddedPostgres } from './store/postgres/keeper.ts'
import { textbubblesWording } from './surfaces/textbubbles/webhooks/wording.ts'
import { whatsbridgeWording } from './surfaces/whatsbridge/wording.ts'
import { createGateway } from './wiring.ts'

export interface Running {
  url: string
  gateway: Gateway
  dataDir: DataDir
  sandbox: SandboxInfo | null
  stop(): Promise<void>
}

/** What a test may put in the place of the real thing, and what only the program has. */
export interface Overrides {
  /** The program of the loopback networks; absent: the sandbox does without them. */
  networks?: string
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
    const toProviders = createSafeFetch({ clock, policy: 'allowed', own: () => own })
    undo.push(() => toProviders.close())
    const where = { url: (config.publicUrl ?? `http://${config.host}:${config.port}`).replace(/\/+$/, '') }
    const media = await openMedia(config, { clock, log })
    undo.push(() => media.toolbox.stop())
    const ready = Promise.withResolvers<void>()
    const phones = { url: null as string | null }
    const parts = {
      ...{ clock, log, dataDir, address, egress, toProviders, media, where, phones, overrides },
      ready: ready.promise,
    }
    const { gateway, registry } = buildGateway(config, parts)
    undo.push(() => registry.stop())
    let networks: KeptNetworks | null = null
    undo.push(async () => networks?.stop())
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
    if (url !== '' && publicUrl === null) where.url = url.replace(/\/+$/, '')
    undo.push(() => http.close())
    const former = await dataDir.readSandbox()
    const sandbox = config.sandbox ? await openSandbox({ gateway, dataDir, url }) : null
    ready.resolve()
    networks = await openNetworks(config, { ...parts, gateway, sandbox, former })
    undo.push(async () => networks?.leave())
    return { url, gateway, dataDir, sandbox, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Beside a sandbox with a database of its own: of several gateways on one database each would bring networks. */
async function openNetworks(
  config: Config,
  parts: Pick<Parts, 'clock' | 'log' | 'dataDir' | 'toProviders' | 'phones' | 'overrides'> & {
    gateway: Gateway
    sandbox: SandboxInfo | null
    /** Of the run before. */
    former: SandboxInfo | null
  },
): Promise<KeptNetworks | null> {
  const { gateway, overrides, toProviders: http, sandbox, former } = parts
  const { networks: main, onProgress: say = () => {} } = overrides
  const isWanted = config.sandboxNetworks && config.databaseUrl === null && config.roles.includes('links')
  if (sandbox === null || main === undefined || !isWanted) {
    if (former !== null && former.networks !== null) await withoutNetworks(gateway, former)
    return null
  }
  const cache = getCompileCacheDir()
  const compileCache = cache === undefined ? null : dirname(cache)
  const place = { main, dir: join(config.dataDir, 'networks'), compileCache }
  const opened = (lineUrl: string | null) => {
    parts.phones.url = lineUrl
  }
  return keepNetworks({ ...parts, gateway, http, sandbox, place, opened, say })
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

function jpegBy({ jpegOf }: Toolbox): (icon: Icon) => Promise<Uint8Array> {
  return ({ base64, mimeType }) => jpegOf(Buffer.from(base64, 'base64'), mimeType)
}

interface Media {
  storage: Storage
  spool: Spool
  toolbox: Toolbox
}

async function openMedia(config: Config, { clock, log }: { clock: Clock; log: Log }): Promise<Media> {
  const { media, dataDir, ffmpegPath, searchPath } = config
  const mint = createMint(clock)
  const storage = media.kind === 'file' ? createDiskStorage(media.dir) : createS3Storage(media, { clock })
  const spool = createSpool({
    dir: join(media.kind === 'file' ? media.dir : dataDir, 'incoming'),
    ...{ mint, clock },
  })
  await storage.check()
  return { storage, spool, toolbox: createToolbox({ ffmpegPath, searchPath, spool, clock, log }) }
}

interface Parts {
  clock: Clock
  log: Log
  dataDir: DataDir
  address: DbAddress
  egress: SafeFetch
  toProviders: SafeFetch
  media: Media
  /** How the outside reaches us; known for certain once HTTP listens. */
  where: { url: string }
  /** The sandbox's own WhatsApp, while it runs. */
  phones: { url: string | null }
  overrides: Overrides
  /** Resolves once everybody is served. */
  ready: Promise<void>
}

function buildGateway(config: Config, parts: Parts): { gateway: Gateway; registry: ReturnType<typeof createRegistry> } {
  const { clock, log, dataDir, address, egress, toProviders, media, where, phones, overrides, ready } = parts
  const mint = createMint(clock)
  const onError = (error: Error) => log.error({ err: error }, 'a database connection broke')
  const opened = createDb({ address, connectionsMax: config.poolMax, applicationName: 'switchboard', onError })
  const chance = seededChance(mint()).next
  const registry = createRegistry(
    { clock, chance, http: toProviders, media: egress, asJpeg: jpegBy(media.toolbox), ready },
    { sandbox: config.sandbox, connectors: overrides.connectors ?? null },
  )
  const gateway = createGateway({
    db: overrides.wrapDb?.(opened) ?? opened,
    clock,
    mint,
    log,
    box: createSealedBox(Buffer.from(dataDir.keys.masterKey, 'base64')),
    media: { ...media, ...media.toolbox, base: () => where.url, keptMs: config.mediaRetentionMs },
    providers: registry.providers,
    publicUrl: () => where.url,
    egress,
    wording: (linkTo) => whatsbridgeWording(linkTo, textbubblesWording(linkTo)),
    roles: { links: config.roles.includes('links'), webhooks: config.roles.includes('webhooks') },
    webhooks: {
      scheduleMs: config.webhookScheduleMs,
      timeoutMs: config.webhookTimeoutMs,
      userAgent: `Switchboard/${config.version}`,
      chance: seededChance(mint()).next,
    },
    // Nothing in the sandbox leaves the machine.
    ...(config.sandbox && {
      pairsWith: () => ({ provider: phones.url === null ? 'sandbox' : 'whatsapp', url: phones.url }),
    }),
    keyPrefix: config.keyPrefix,
    requestsPerMinute: config.rateLimitPerMinute,
    eventRetentionMs: config.eventRetentionMs,
    allowUnsafeDatabase: config.allowUnsafeDatabase,
  })
  return { gateway, registry }
}
