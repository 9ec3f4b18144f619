/** What a file is, told by its bytes: what it is said to be counts only where they say nothing and where it can do no harm. */
import { open } from 'node:fs/promises'
import { fileTypeFromBuffer } from 'file-type'
import { mediaKindOf } from '../model/channel.ts'
import { SendFailure } from '../model/delivery.ts'
import type { FileFacts } from '../model/media/file.ts'

interface SaidType {
  mimeType?: string | null
  filename?: string | null
}

export type Look = (file: { path: string; bytes: number }, said: SaidType) => Promise<FileFacts>

/** Of the tracks of a recording; a cover picture is no track. Width and height are those of its video, if it has one. */
export type Probed = Pick<FileFacts, 'durationMs' | 'width' | 'height'> & { codecs: readonly string[] }

export interface LookOptions {
  /** Null: it cannot be read. Throws MEDIA_TOOL_MISSING where nobody can look. */
  recordings: { probe(path: string, mimeType: string): Promise<Probed | null> }
  pictures: { measure(path: string, mimeType: string): Promise<{ width: number; height: number } | null> }
}

/** Types are told from the beginning of a file, and no more of it is ever given to the library that tells them. */
const headBytes = 64 * 1024
const nothingKnown = { codecs: null, durationMs: null, width: null, height: null }

export function createLook({ recordings, pictures }: LookOptions): Look {
  return async ({ path, bytes }, said) => {
    const mimeType = await typeOf(await headOf(path), said)
    const kind = mediaKindOf(mimeType)
    if (kind === 'document') return { ...nothingKnown, mimeType, bytes }
    if (kind === 'image') return { ...nothingKnown, mimeType, bytes, ...(await pictures.measure(path, mimeType)) }
    const probed = await recordings.probe(path, mimeType).catch(ifNobodyCanLook)
    if (probed === null) return { ...nothingKnown, mimeType, bytes }
    const { codecs, durationMs, width, height } = probed
    const isHeardOnly = codecs.length > 0 && width === null
    return { mimeType: (isHeardOnly && heardOnly[mimeType]) || mimeType, bytes, codecs, durationMs, width, height }
  }
}

/** Without a tool files are kept all the same; what needs one says so when it is sent. */
function ifNobodyCanLook(error: unknown): null {
  if (error instanceof SendFailure && error.code === 'MEDIA_TOOL_MISSING') return null
  throw error
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const head = Buffer.alloc(headBytes)
    let filled = 0
    while (filled < headBytes) {
      const { bytesRead } = await file.read(head, filled, headBytes - filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return head.subarray(0, filled)
  } finally {
    await file.close()
  }
}

async function typeOf(head: Buffer, said: SaidType): Promise<string> {
  const told = await fileTypeFromBuffer(head).catch(() => undefined)
  const byBytes = told === undefined ? null : usual(told.mime)
  if (byBytes !== null && !wrappings.has(byBytes)) return byBytes
  const text = byBytes === null && looksLikeText(head) ? head.toString('utf8').replace(/^\ufeff/, '') : null
  // A player that is handed one opens whatever addresses it names.
  if (text !== null && /^\s*(#EXTM3U|ffconcat\b)/.test(text)) return 'text/plain'
  const claimed = claimedType(said)
  if (isDrawing(claimed)) return byBytes ?? (text !== null && /<svg\b/.test(text) ? 'application/xml' : unknown)
  return byBytes === null ? unconfirmed(claimed, text !== null) : specific(claimed, byBytes)
}

const unknown = 'application/octet-stream'

/** Only documents are believed, and texts only where there is text. */
function unconfirmed(claimed: string | null, isText: boolean): string {
  if (claimed === null) return isText ? 'text/plain' : unknown
  if (claimed.startsWith('text/')) return isText ? claimed : unknown
  return claimed.startsWith('application/') ? claimed : unknown
}

/** The bytes tell only what something is wrapped in; what it is called says more, if it is a document all the same. */
function specific(claimed: string | null, byBytes: string): string {
  return claimed?.startsWith('application/') || (byBytes === 'application/xml' && claimed?.startsWith('text/'))
    ? claimed
    : byBytes
}

const wrappings = new Set(['application/xml', 'application/zip', 'application/gzip', 'application/x-cfb'])

/** A drawing may hold programs: it is a document, never a picture that somebody's browser opens. */
function isDrawing(type: string | null): boolean {
  return type !== null && /^(image|application)\/svg/.test(type)
}

function claimedType({ mimeType, filename }: SaidType): string | null {
  const type = mimeType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (/^[a-z]+\/[a-z0-9][a-z0-9!#$&^_.+-]{0,99}$/.test(type) && type !== unknown) return type
  return endings[/\.([a-z0-9]+)$/i.exec(filename ?? '')?.[1]?.toLowerCase() ?? ''] ?? null
}

/** Documents that nothing in their bytes gives away. */
const endings: Readonly<Record<string, string>> = {
  ...{ txt: 'text/plain', csv: 'text/csv', md: 'text/markdown', htm: 'text/html', html: 'text/html' },
  ...{ ics: 'text/calendar', vcf: 'text/vcard', json: 'application/json', svg: 'image/svg+xml' },
  ...{ doc: 'application/msword', xls: 'application/vnd.ms-excel', ppt: 'application/vnd.ms-powerpoint' },
}

function looksLikeText(head: Buffer): boolean {
  const isWide = head.length >= 2 && [0xfeff, 0xfffe].includes(head.readUInt16BE())
  return head.length > 0 && (isWide || !head.includes(0))
}

function usual(mimeType: string): string {
  const [type = unknown] = mimeType.split(';', 1)
  return usualNames[type] ?? (isDrawing(type) ? 'application/xml' : type)
}

const usualNames: Readonly<Record<string, string>> = {
  'audio/x-m4a': 'audio/mp4',
  'audio/x-wav': 'audio/wav',
  'audio/x-flac': 'audio/flac',
  'video/x-m4v': 'video/mp4',
  'video/matroska': 'video/x-matroska',
  // Whoever does not know that it moves sees its first picture.
  'image/apng': 'image/png',
}

/** Containers that hold sound alone. */
const heardOnly: Readonly<Record<string, string>> = {
  'video/mp4': 'audio/mp4',
  'video/webm': 'audio/webm',
  'video/3gpp': 'audio/3gpp',
  'video/3gpp2': 'audio/3gpp2',
}
