/** The room of files, built once: where they lie, what is made of them, and how they are handed out. */
import type { Clock } from '../lib/clock.ts'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import type { CustomerId } from '../model/ids.ts'
import type { KeptFile } from '../model/media/file.ts'
import type { FileStore } from '../store/media/files.ts'
import { createDownloads, type OpenDownload } from './downloads.ts'
import { createLibrary, type Said } from './library.ts'
import { createLinks, type LinkedFile } from './links.ts'
import type { Look } from './look.ts'
import type { Maker } from './making.ts'
import { createPreparing, type Preparing } from './preparing.ts'
import { createReceiving, type Receiving } from './receiving.ts'
import type { Spool } from './spool.ts'
import type { Storage } from './storage/storage.ts'

/** What is chosen outside: the place, and the tools. */
export interface MediaOptions {
  storage: Storage
  spool: Spool
  look: Look
  maker: Maker
  /** Where links lead, without a slash at its end. */
  base(): string
  keptMs: number
}

export interface MediaRoom {
  prepare: Preparing['prepare']
  receive: Receiving['receive']
  /** Bytes that came with a request. */
  keep(customerId: CustomerId, bytes: Uint8Array, said: Said): Promise<KeptFile>
  download: OpenDownload
  linkTo(file: LinkedFile, untilMs: number): string
  sweep(): Promise<number>
}

export interface RoomOptions extends MediaOptions {
  store: FileStore
  egress: Pick<SafeFetch, 'open'>
  clock: Clock
  sign(text: string): Buffer
}

/** A file that came whole can be no larger than its request. */
const wholeBytesMax = 150 * 1024 * 1024

export function createMediaRoom(options: RoomOptions): MediaRoom {
  const { spool, clock, egress } = options
  const library = createLibrary(options)
  const links = createLinks(options)
  return {
    prepare: createPreparing({ ...options, library, links, fetching: { egress, spool } }).prepare,
    receive: createReceiving({ library, spool, clock }).receive,
    keep: async (customerId, bytes, said) => library.keep(customerId, await spool.take(bytes, wholeBytesMax), said),
    download: createDownloads(links, library, clock),
    linkTo: links.urlOf,
    sweep: library.sweep,
  }
}
