/** Files as the gateway keeps them: what is known of them by looking inside. */
import type { Readable } from 'node:stream'
import type { MediaKind } from '../channel.ts'
import type { CustomerId } from '../ids.ts'

/** By the bytes, whatever anybody called it. */
export interface FileFacts {
  mimeType: string
  bytes: number
  /** Of the tracks inside, in no order; null when nothing has looked or it is no recording. */
  codecs: readonly string[] | null
  durationMs: number | null
  width: number | null
  height: number | null
}

/** A file that is kept, by its content. */
export interface KeptFile extends FileFacts {
  customerId: CustomerId
  /** SHA-256 of the content, in hex. */
  hash: string
}

/** A file as a channel is to carry it: in a form it takes, within its limits. */
export interface OutgoingFile {
  id: string
  /** How it is shown. A video may go out as a document. */
  kind: MediaKind
  mimeType: string
  filename: string | null
  bytes: number
  voiceNote: boolean
  durationMs: number | null
  width: number | null
  height: number | null
  /** How loud a voice note is over its time: 64 values from 0 to 100. */
  waveform: readonly number[] | null
  /** A small JPEG of a picture or a video, for networks that show one before the file is there. */
  thumbnail: Uint8Array | null
  /** Its bytes, from the start, as often as it is called. */
  open(): Promise<Readable>
  /** A link for networks that fetch files themselves; works for so long, and needs no key. */
  linkFor(ms: number): string
}
