/** A picture as callers give it, by URL or with its bytes: fetched, measured, and looked at to see that it is one. */

import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import { EgressError } from '../lib/egress/trouble.ts'
import { GatewayError } from '../model/errors.ts'

type Egress = Pick<SafeFetch, 'request'>

export type PictureSource = { url: string } | { base64: string }

export interface Picture {
  bytes: Buffer
  mimeType: string
}

const pictureBytesMax = 5 * 1024 * 1024
const fetchWithinMs = 30_000

/** What is wrong with it is told by the field it came in. */
export async function readPicture(egress: Egress, source: PictureSource): Promise<Picture> {
  const path = 'url' in source ? 'imageUrl' : 'imageBase64'
  const bytes = 'url' in source ? await fetched(egress, source.url) : Buffer.from(source.base64, 'base64')
  if (bytes.length > pictureBytesMax) throw unusable(path, 'The picture is larger than 5 MB.')
  const mimeType = kindOf(bytes)
  if (mimeType === null) throw unusable(path, 'This is no PNG, JPEG, GIF or WebP.')
  return { bytes, mimeType }
}

async function fetched(egress: Egress, url: string): Promise<Buffer> {
  const path = 'imageUrl'
  const asked = { method: 'GET', url, headers: { accept: 'image/*' }, body: null } as const
  const limits = { timeoutMs: fetchWithinMs, responseBytesMax: pictureBytesMax + 1, redirectsMax: 3 }
  const reply = await egress.request({ ...asked, ...limits }).catch((error: unknown) => {
    throw error instanceof EgressError ? unusable(path, error.message) : error
  })
  if (reply.status < 200 || reply.status > 299) throw unusable(path, `The server answered with ${reply.status}.`)
  return reply.body
}

function unusable(path: string, message: string): GatewayError {
  return new GatewayError('VALIDATION_ERROR', `${path}: ${message}`, { details: [{ path, message }] })
}

/** By its first bytes: what it is said to be proves nothing. */
function kindOf(bytes: Buffer): string | null {
  const begins = (text: string, at = 0) => bytes.subarray(at, at + text.length).equals(Buffer.from(text, 'latin1'))
  if (begins('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (begins('\xff\xd8\xff')) return 'image/jpeg'
  if (begins('GIF87a') || begins('GIF89a')) return 'image/gif'
  return begins('RIFF') && begins('WEBP', 8) ? 'image/webp' : null
}
