/** Asks the provider what came in: it hardly repeats a callback that failed, and nothing may be lost. */
import type { Clock } from '../../../lib/clock.ts'
import { orAborted } from '../../../lib/egress/deadline.ts'
import { EgressError } from '../../../lib/egress/trouble.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import type { Host, IncomingMedia } from '../../connector.ts'
import { isName } from '../chats.ts'
import { type Answer, type Api, fieldsOf, textOf } from '../rest/api.ts'
import { messageFrom } from './callbacks.ts'
import type { TwilioSettings } from './settings.ts'

export interface PollOptions {
  clock: Clock
  api: Api
  settings: TwilioSettings
  host: Pick<Host, 'receive' | 'vault' | 'log'>
  mediaAt(url: string, mimeType: string): IncomingMedia
}

interface Listed {
  id: ProviderMessageId
  from: string
  text: string
  media: number
  atMs: number
}

const cursorKey = 'poll/cursor'
/** Clocks differ, and a message may be listed a while after its date: so far back a poll looks again. */
const overlapMs = 15 * 60_000
const pageSize = 200
const pagesMax = 50
const handedMax = 20_000
const retryMs = 30_000

/** Until the signal aborts. */
export async function keepPolling(options: PollOptions, signal: AbortSignal): Promise<void> {
  const { clock, settings, host } = options
  if (settings.pollEvery === 0) return
  const everyMs = settings.pollEvery * 1_000
  const handed = new Set<string>()
  while (!signal.aborted) {
    let waitMs = everyMs
    try {
      // The store may be stuck, and stopping must not wait for it.
      await orAborted(signal, poll(options, handed, signal))
    } catch (error) {
      if (signal.aborted) return
      // Whatever it was: the cursor has not moved, so the next poll finds the same again.
      const facts = error instanceof EgressError ? { trouble: error.trouble } : { err: error }
      host.log.warn(facts, 'Asking for incoming messages has failed; it is tried again.')
      waitMs = Math.min(everyMs, retryMs)
    }
    await clock.sleep(waitMs, signal)
  }
}

async function poll(options: PollOptions, handed: Set<string>, signal: AbortSignal): Promise<void> {
  const { clock, host } = options
  const begunMs = clock.now()
  const sinceMs = await cursorOf(options)
  // A line that was never up begins now: what came before is not its.
  if (sinceMs === null) return keepCursor(options, begunMs)
  // The newest come first; of the same second too.
  const listed = (await listSince(options, sinceMs, signal)).reverse().sort((left, right) => left.atMs - right.atMs)
  for (const one of listed) {
    if (signal.aborted) return
    if (handed.has(one.id)) continue
    const attachments = one.media === 0 ? [] : await mediaOf(options, one.id, signal)
    if (signal.aborted) return
    await host.receive(messageFrom({ ...one, attachments, at: new Date(one.atMs) }))
    remember(handed, one.id)
  }
  await keepCursor(options, Math.max(sinceMs, begunMs - overlapMs))
}

async function listSince(options: PollOptions, sinceMs: number, signal: AbortSignal): Promise<Listed[]> {
  const { api, settings, host } = options
  const day = new Date(sinceMs).toISOString().slice(0, 10)
  const query = new URLSearchParams({ To: settings.number, 'DateSent>': day, PageSize: String(pageSize) })
  const found: Listed[] = []
  let where: string | null = `${pathOf(settings)}/Messages.json?${query}`
  for (let page = 0; where !== null && page < pagesMax; page += 1) {
    const json = listIn(await api.get(where, signal))
    const messages = Array.isArray(json.messages) ? json.messages : []
    const inbound = messages.map(listedIn).filter((one) => one !== null)
    found.push(...inbound.filter(({ atMs }) => atMs >= sinceMs))
    where = nextPage(settings, textOf(json.next_page_uri))
  }
  if (where !== null) host.log.error({ messages: found.length }, 'More messages came than are asked for at a time.')
  return found
}

function listedIn(value: unknown): Listed | null {
  const fields = fieldsOf(value)
  const [id, from] = [textOf(fields.sid), textOf(fields.from)]
  const atMs = Date.parse(textOf(fields.date_sent) || textOf(fields.date_created))
  if (fields.direction !== 'inbound' || !isName(id) || !isName(from) || Number.isNaN(atMs)) return null
  const media = Number(textOf(fields.num_media)) || 0
  return { id: id as ProviderMessageId, from, text: textOf(fields.body), media, atMs }
}

async function mediaOf(options: PollOptions, id: string, signal: AbortSignal): Promise<IncomingMedia[]> {
  const { api, settings, mediaAt } = options
  const { media_list: list } = listIn(
    await api.get(`${pathOf(settings)}/Messages/${encodeURIComponent(id)}/Media.json`, signal),
  )
  const found = Array.isArray(list) ? list.map(fieldsOf) : []
  return found.flatMap((one) => {
    const url = ownUrl(settings, textOf(one.uri).replace(/\.json$/, ''))
    return url === null ? [] : [mediaAt(url, textOf(one.content_type))]
  })
}

function listIn({ status, json }: Answer): Readonly<Record<string, unknown>> {
  if (status !== 200 || json === undefined) throw new Error(`The provider answered ${status} with no list.`)
  return fieldsOf(json)
}

function nextPage(settings: TwilioSettings, uri: string): string | null {
  return uri === '' ? null : ownUrl(settings, uri)
}

/** Addresses in answers are paths, with the base path or without it; never do they lead elsewhere. */
function ownUrl({ place }: TwilioSettings, uri: string): string | null {
  const path = uri.startsWith('/') && !uri.startsWith(`${place.basePath}/`) ? `${place.basePath}${uri}` : uri
  const url = URL.parse(path, place.origin)
  return url === null || url.origin !== place.origin ? null : url.href
}

export function pathOf({ place }: Pick<TwilioSettings, 'place'>): string {
  return `/2010-04-01/Accounts/${encodeURIComponent(place.user)}`
}

async function cursorOf({ host }: PollOptions): Promise<number | null> {
  const bytes = await host.vault.get(cursorKey)
  const ms = bytes === null ? Number.NaN : Number(new TextDecoder().decode(bytes))
  return Number.isNaN(ms) ? null : ms
}

function keepCursor({ host }: PollOptions, ms: number): Promise<void> {
  // Dates at the provider are whole seconds.
  const text = String(Math.floor(ms / 1_000) * 1_000)
  return host.vault.put({ [cursorKey]: new TextEncoder().encode(text) })
}

function remember(handed: Set<string>, id: string): void {
  handed.add(id)
  const [oldest] = handed
  if (handed.size > handedMax && oldest !== undefined) handed.delete(oldest)
}
