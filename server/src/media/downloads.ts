/** What stands behind a link: one file, in whole or in part, for whoever has the link and for as long as it works. */
import type { Readable } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import { GatewayError } from '../model/errors.ts'
import type { Library } from './library.ts'
import type { Links } from './links.ts'
import type { Range } from './storage/storage.ts'

export interface Download {
  mimeType: string
  filename: string | null
  bytes: number
  /** The same as long as the content is. */
  mark: string
  open(range: Range | null): Promise<Readable>
}

/** Throws INVALID_SIGNATURE, URL_EXPIRED or NOT_FOUND. */
export type OpenDownload = (token: string) => Promise<Download>

export function createDownloads(links: Links, library: Library, clock: Clock): OpenDownload {
  const gone = () => new GatewayError('NOT_FOUND', 'This file is not kept any more.')
  return async (token) => {
    const { customerId, hash, mimeType, filename } = links.read(token, clock.now())
    const file = await library.find(customerId, hash)
    if (file === null) throw gone()
    return {
      ...{ mimeType, filename, bytes: file.bytes, mark: hash },
      async open(range) {
        const stream = await library.open(file, range ?? undefined)
        if (stream === null) throw gone()
        return stream
      },
    }
  }
}
