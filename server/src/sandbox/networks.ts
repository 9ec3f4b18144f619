/** Keeps the loopback networks running beside the sandbox, and its line linked with their WhatsApp. */
import { existsSync } from 'node:fs'
import type { Gateway } from '../gateway.ts'
import type { Clock } from '../lib/clock.ts'
import type { DataDir, SandboxInfo } from '../lib/data-dir.ts'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import type { Log } from '../lib/log.ts'
import { type NetworksPlace, startNetworks } from './networks-process.ts'
import { giveWhatsapp, lineUrlOf, linkWhatsapp, portOf, sandboxLine } from './whatsapp.ts'

export interface NetworksParts {
  gateway: Gateway
  dataDir: DataDir
  clock: Clock
  log: Log
  http: Pick<SafeFetch, 'request'>
  sandbox: SandboxInfo
  place: Omit<NetworksPlace, 'whatsappPort'>
  /** Where the WhatsApp of these networks is, for lines to come; null when they are gone for good. */
  opened(lineUrl: string | null): void
  /** For whoever watches a terminal. */
  say(what: string): void
}

const failuresMax = 5
const pauseMs = 1_000
/** An end after so long has nothing to do with the one before. */
const steadyMs = 60_000

export interface KeptNetworks {
  /** Nothing more is asked of the gateway, which is about to stop; what is on its way over a network may end. */
  leave(): void
  stop(): Promise<void>
}

/** Nothing waits for it, and without it everything else works. */
export function keepNetworks(parts: NetworksParts): KeptNetworks {
  const leaving = new AbortController()
  const ending = new AbortController()
  const signals = { signal: leaving.signal, end: ending.signal }
  const keeping = keep({ ...parts, ...signals }).catch((error: unknown) => {
    if (!leaving.signal.aborted) parts.log.error({ err: error }, 'the loopback networks could not be kept')
  })
  return {
    leave: () => leaving.abort(),
    async stop() {
      leaving.abort()
      ending.abort()
      await keeping
    },
  }
}

/** The line goes on with the in-memory WhatsApp, which needs no process. */
export async function withoutNetworks(gateway: Gateway, sandbox: SandboxInfo): Promise<void> {
  const line = await sandboxLine(gateway, sandbox)
  if (line?.providers.whatsapp !== undefined) await giveWhatsapp(gateway, line, null)
}

type Kept = NetworksParts & { signal: AbortSignal; end: AbortSignal }

async function keep(parts: Kept): Promise<void> {
  const { gateway, clock, log, sandbox, dataDir, signal, place } = parts
  let [failures, why] = existsSync(place.main) ? [0, ''] : [failuresMax, 'They are not installed here.']
  while (!signal.aborted && failures < failuresMax) {
    const began = clock.monotonic()
    why = await run(parts, failures).then(
      () => 'They have ended.',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (signal.aborted) return
    failures = clock.monotonic() - began > steadyMs ? 1 : failures + 1
    log.info({ outcome: why, attempts: failures }, 'the loopback networks are started again')
    await clock.sleep(failures * pauseMs, signal)
  }
  if (signal.aborted) return
  parts.opened(null)
  await withoutNetworks(gateway, sandbox)
  await dataDir.writeSandbox(sandbox)
  log.warn({ outcome: why }, 'the loopback networks do not run: WhatsApp of the sandbox is in-memory, like the rest')
}

/** From their start to their end. */
async function run(parts: Kept, failures: number): Promise<void> {
  const { gateway, clock, log, place, sandbox, dataDir, say, signal, end } = parts
  const line = await sandboxLine(gateway, sandbox)
  // Somebody who ended a moment ago may still hold it; then somebody else has taken it for good.
  const whatsappPort = line === null || failures >= 2 ? 0 : portOf(line)
  const networks = await startNetworks({ ...place, whatsappPort }, { clock, end })
  const stop = () => void networks.stop()
  end.addEventListener('abort', stop, { once: true })
  try {
    if (end.aborted) return
    const url = await lineUrlOf(parts, networks.url)
    parts.opened(url)
    const isLinked = line !== null && (await linkWhatsapp(parts, line, { control: networks.url, url }))
    if (!signal.aborted) await dataDir.writeSandbox({ ...sandbox, networks: networks.url })
    if (isLinked) {
      log.info({ url: networks.url }, 'the sandbox line is linked with the WhatsApp of the loopback networks')
      say(`WhatsApp of the sandbox is linked. Ask ${networks.url} what has arrived there.`)
    } else if (!signal.aborted)
      log.warn(
        { url: networks.url },
        'the loopback networks run, and the sandbox line is not linked with their WhatsApp',
      )
    await networks.gone
  } finally {
    end.removeEventListener('abort', stop)
    await networks.stop()
  }
}
