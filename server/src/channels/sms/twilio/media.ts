/** Media of incoming messages: fetched when it is wanted. Our credentials go to the provider itself and nowhere else. */
import type { Readable } from 'node:stream'
import type { EgressStream, SafeFetch } from '../../../lib/egress/safe-fetch.ts'
import type { IncomingMedia } from '../../connector.ts'
import { mimeTypeOf } from '../chats.ts'

export interface MediaDoor {
  /** For the provider itself. */
  http: SafeFetch
  /** For everywhere else. */
  media: SafeFetch
  origin: string
  authorization: string
}

const bytesMax = 32 * 1024 * 1024
const timeoutMs = 60_000
const redirectsMax = 3
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export function mediaAt(door: MediaDoor, url: string, mimeType: string): IncomingMedia {
  return {
    mimeType: mimeTypeOf(mimeType),
    filename: null,
    bytes: null,
    voiceNote: false,
    open: () => open(door, url),
  }
}

async function open(door: MediaDoor, first: string): Promise<Readable> {
  let url = first
  for (let hopsLeft = redirectsMax; ; hopsLeft -= 1) {
    const isTheirs = URL.parse(url)?.origin === door.origin
    const answer = await ask(
      isTheirs ? door.http : door.media,
      url,
      isTheirs ? { authorization: door.authorization } : {},
    )
    const location = redirects.has(answer.status) ? answer.headers.location : undefined
    if (location === undefined && answer.status === 200) return answer.body
    answer.body.destroy()
    const next = location === undefined ? null : URL.parse(location, url)
    if (next === null || hopsLeft === 0) throw new Error(`The provider answered ${answer.status} for the media.`)
    url = next.href
  }
}

function ask(way: SafeFetch, url: string, headers: Readonly<Record<string, string>>): Promise<EgressStream> {
  return way.open({ method: 'GET', url, headers, body: null, timeoutMs, responseBytesMax: bytesMax, redirectsMax: 0 })
}
