/** The sandbox line's WhatsApp: the loopback one while that runs, where its phone links it, and the in-memory one otherwise. */
import type { AdminLine, Gateway } from '../gateway.ts'
import type { Clock } from '../lib/clock.ts'
import type { SandboxInfo } from '../lib/data-dir.ts'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import { GatewayError } from '../model/errors.ts'
import type { LineId } from '../model/ids.ts'

export interface WhatsappParts {
  gateway: Gateway
  /** To the control API. */
  http: Pick<SafeFetch, 'request'>
  clock: Clock
  signal: AbortSignal
}

const linkedWithinMs = 60_000
const lookMs = 100

/** Null: the operator has removed it, revoked the key to it, or given it a WhatsApp of their own. */
export async function sandboxLine(gateway: Gateway, { apiKey, line }: SandboxInfo): Promise<AdminLine | null> {
  const caller = await gateway.callers.authenticate(apiKey).catch((error: unknown) => {
    if (error instanceof GatewayError && error.code === 'UNAUTHORIZED') return null
    throw error
  })
  if (caller === null) return null
  const found = (await gateway.admin.numbers(caller.customerId)).find(({ address }) => address === line) ?? null
  const own = found?.providers.whatsapp
  return own === undefined || isLoopback(found?.urls.whatsapp) ? found : null
}

function isLoopback(url: string | null | undefined): boolean {
  return url?.startsWith('ws://') ?? false
}

/** Where the line's WhatsApp listened when it was last given one; 0 if it never was. */
export function portOf({ urls }: AdminLine): number {
  return isLoopback(urls.whatsapp) ? Number(URL.parse(urls.whatsapp ?? '')?.port ?? 0) : 0
}

export async function giveWhatsapp({ admin }: Gateway, line: AdminLine, url: string | null): Promise<void> {
  const whatsapp = url === null ? null : { provider: 'whatsapp', url, password: null }
  await admin.changeLine(line.id, { providers: { whatsapp } })
}

/** What a line has to be told to be on the WhatsApp of these networks. */
export async function lineUrlOf(parts: WhatsappParts, control: string): Promise<string> {
  const { networks } = await ask<{ networks: { whatsapp: { line: { url: string } } } }>(parts, `${control}/`)
  return networks.whatsapp.line.url
}

/** Gives the line this WhatsApp and has its phone link it, where it is not linked yet. False: it did not come about. */
export async function linkWhatsapp(
  parts: WhatsappParts,
  line: AdminLine,
  { control, url }: { control: string; url: string },
): Promise<boolean> {
  const { gateway, clock } = parts
  const began = clock.now()
  if (line.urls.whatsapp !== url) await giveWhatsapp(gateway, line, url)
  const scan = (qr: string) => ask(parts, `${control}/networks/whatsapp/scan`, { number: line.address, qr })
  return linked(parts, line.id, { began, scan, anew: () => renew(gateway, line, url) })
}

interface Linking {
  /** What a link said before counts for nothing: it may be from an earlier run, or from the in-memory network. */
  began: number
  scan(qr: string): Promise<unknown>
  /** Those who were logged out show a code again. */
  anew(): Promise<void>
}

async function linked(parts: WhatsappParts, id: LineId, { began, scan, anew }: Linking): Promise<boolean> {
  const { gateway, clock, signal } = parts
  const giveUpAt = clock.monotonic() + linkedWithinMs
  let scanned = ''
  let isRenewed = false
  while (!signal.aborted && clock.monotonic() < giveUpAt) {
    const state = (await gateway.admin.line(id)).links.whatsapp
    if (state?.status === 'connected' && Date.parse(state.since) >= began) return true
    if (state?.status === 'pairing' && state.qr !== scanned) {
      scanned = state.qr
      // A code of an earlier run is not known any more; the next one is.
      await scan(state.qr).catch(() => undefined)
    }
    if (state?.status === 'disconnected' && state.reason === 'auth_revoked' && !isRenewed) {
      isRenewed = true
      await anew()
    }
    await clock.sleep(lookMs, signal)
  }
  return false
}

async function renew(gateway: Gateway, line: AdminLine, url: string): Promise<void> {
  await giveWhatsapp(gateway, line, null)
  await giveWhatsapp(gateway, line, url)
}

async function ask<Answer>({ http, signal }: WhatsappParts, url: string, body: object | null = null): Promise<Answer> {
  const { status, body: answer } = await http.request({
    ...{ method: body === null ? 'GET' : 'POST', url, headers: { 'content-type': 'application/json' } },
    body: body === null ? null : Buffer.from(JSON.stringify(body)),
    ...{ timeoutMs: 10_000, responseBytesMax: 1_000_000, redirectsMax: 0, signal },
  })
  if (status !== 200) throw new Error(`The networks answered ${status}: ${answer.toString().slice(0, 200)}`)
  return JSON.parse(answer.toString()) as Answer
}
