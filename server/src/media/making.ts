/** What can be made of a file, whoever does it: another form, and a sketch to show before it is there. */
import type { Form } from '../model/channel.ts'
import type { FileFacts } from '../model/media/file.ts'
import type { Spooled } from './spool.ts'

export interface Sketch {
  /** Of a voice note: 64 values from 0 to 100. */
  waveform: readonly number[] | null
  /** Of a picture or a video: a small JPEG. */
  thumbnail: Uint8Array | null
}

export interface Making {
  path: string
  file: FileFacts
  form: Form
  /** What comes out is at most so large, or the making fails. */
  bytesMax: number
}

export interface Maker {
  /** Throws a SendFailure: MEDIA_INVALID for a file that cannot be read, MEDIA_TOOL_MISSING where nothing here can do it. */
  make(making: Making): Promise<Spooled>
  /** Never fails because of the file: what cannot be sketched has none. */
  sketch(of: { path: string; file: FileFacts; voice: boolean }): Promise<Sketch>
}
