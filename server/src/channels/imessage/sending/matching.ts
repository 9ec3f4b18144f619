/** By what a bubble of ours is known among the rows of the Mac, which bear no name that we gave. Pure. */
import { createHash } from 'node:crypto'
import type { Row } from '../backend.ts'
import type { Bubble } from './bubbles.ts'

export interface Mark {
  /** Of its text, which need not be kept for this; null when it has none. */
  text: string | null
  files: readonly string[]
}

/** `maybe`: its files may still be shown, and then it would be the one. */
export type Match = 'yes' | 'maybe' | 'no'

export function markOf(bubble: Bubble): Mark {
  if (bubble.kind === 'text') return { text: fingerprint(bubble.text), files: [] }
  if (bubble.kind === 'file') return { text: null, files: [bubble.name] }
  return { text: fingerprint(bubble.text), files: bubble.files.map(({ name }) => name) }
}

export function compare(mark: Mark, row: Row): Match {
  if (!row.isOurs || row.tapback !== null || row.change !== null || row.service !== 'iMessage') return 'no'
  const text = fingerprint(row.text)
  if (mark.files.length === 0) return row.files.length === 0 && text === mark.text ? 'yes' : 'no'
  if (text !== mark.text) return 'no'
  const expected = mark.files.map(asStored)
  for (const { name } of row.files) {
    if (name === null) return 'maybe'
    const at = expected.indexOf(asStored(name))
    if (at < 0) return 'no'
    expected.splice(at, 1)
  }
  return expected.length === 0 ? 'yes' : 'maybe'
}

/** The server gives texts without the blanks around them, and without the places of files. */
function fingerprint(text: string | null): string | null {
  const plain = (text ?? '').replaceAll('\uFFFC', '').replaceAll('\r\n', '\n').trim()
  return plain === '' ? null : createHash('sha256').update(plain).digest('base64url').slice(0, 24)
}

/** The server makes a CAF of an MP3 that is a voice note. */
function asStored(name: string): string {
  return name.replace(/\.mp3$/i, '.caf').toLowerCase()
}
