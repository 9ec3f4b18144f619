/** Fetches media as a carrier's gateway does: whole, within its size, and only with a type. */
import { createHash } from 'node:crypto'

export interface Fetched {
  mimeType: string
  bytes: number
  sha256: string
}

const bytesMax = 6 * 1024 * 1024

/** Null when it cannot be had. */
export async function fetchMedia(url: string, signal: AbortSignal): Promise<Fetched | null> {
  try {
    const reply = await fetch(url, { signal })
    const type = reply.headers.get('content-type')
    if (!reply.ok || type === null || reply.body === null) {
      await reply.body?.cancel()
      return null
    }
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of reply.body) {
      bytes += chunk.length
      if (bytes > bytesMax) return null
      hash.update(chunk)
    }
    return { mimeType: type.split(';')[0] ?? type, bytes, sha256: hash.digest('hex') }
  } catch {
    return null
  }
}
