/** A file full of zeros, for networks that only care how large it is. */
import { Readable } from 'node:stream'
import type { OutgoingFile } from '../../src/model/media/file.ts'

const piece = Buffer.alloc(1024 * 1024)

export function blankFile(file: Pick<OutgoingFile, 'kind' | 'mimeType' | 'bytes'>): OutgoingFile {
  return {
    id: `${file.kind}-${file.bytes}`,
    filename: null,
    voiceNote: false,
    durationMs: null,
    width: null,
    height: null,
    waveform: null,
    thumbnail: null,
    ...file,
    open: async () => Readable.from(zeros(file.bytes), { objectMode: false }),
    linkFor: () => 'http://127.0.0.1/nowhere',
  }
}

function* zeros(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= piece.length) yield left < piece.length ? piece.subarray(0, left) : piece
}
