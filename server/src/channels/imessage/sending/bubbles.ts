/** What a message becomes on iMessage: a bubble each for its text and its files, or one for several of them. Pure. */
import type { OutgoingFile } from '../../../model/media/file.ts'
import type { Mention } from '../../../model/message.ts'
import type { Outgoing } from '../../connector.ts'
import type { Manner } from '../capabilities.ts'
import { namesFor } from './file-names.ts'

interface Shared {
  /** Guid of the message that it answers. */
  replyTo: string | null
  effect: string | null
}

export interface NamedFile {
  file: OutgoingFile
  name: string
}

export type Bubble = Shared &
  (
    | { kind: 'text'; text: string }
    | ({ kind: 'file' } & NamedFile)
    /** Files are laid on the Mac first, and then sent by one request. */
    | { kind: 'parts'; text: string | null; mentions: readonly Mention[]; files: readonly NamedFile[] }
  )

/**
 * A text is a bubble of its own, before the files; two files or more are one gallery. Pictures that callers named by
 * links are a carousel: then the text is its caption. Voice notes stand alone, and so does everything that a script
 * sends. A place is a link to a map, alone, so that phones show the map.
 *
 * `opensChat`: it begins with a text, since the private API makes no chat without one; a script does, with a single file.
 */
export function bubblesFor(message: Outgoing, { manner, opensChat }: { manner: Manner; opensChat: boolean }): Bubble[] {
  const { text, mentions, attachments, location } = message
  const named = namesFor(attachments)
  const files = attachments.map((file, nth): NamedFile => ({ file, name: named[nth] ?? 'file' }))
  const bubbles: Content[] = []
  const words: Content[] = text === null ? [] : [textBubble(text, manner === 'script' || opensChat ? [] : mentions)]
  const place: Content[] = location === null ? [] : [{ kind: 'text', text: mapLink(location) }]
  const isCarousel = manner === 'private' && !opensChat && files.length > 1 && files.every(isLinked)
  if (isCarousel) bubbles.push({ kind: 'parts', text, mentions, files }, ...place)
  else if (!opensChat || text !== null) bubbles.push(...words, ...fileBubbles(files, manner), ...place)
  else if (location !== null) bubbles.push(...place, ...fileBubbles(files, manner))
  else bubbles.push(...fileBubbles(files.slice(0, 1), manner), ...fileBubbles(files.slice(1), manner))
  const none = { replyTo: null, effect: null }
  const first = manner === 'script' ? none : { replyTo: message.replyTo?.providerId ?? null, effect: message.effect }
  return bubbles.map((bubble, nth) => ({ ...bubble, ...(nth === 0 ? first : none) }))
}

type Content = Bubble extends infer One ? (One extends Shared ? Omit<One, keyof Shared> : never) : never

function textBubble(text: string, mentions: readonly Mention[]): Content {
  return mentions.length === 0 ? { kind: 'text', text } : { kind: 'parts', text, mentions, files: [] }
}

function fileBubbles(files: readonly NamedFile[], manner: Manner): Content[] {
  const alone = ({ file, name }: NamedFile): Content => ({ kind: 'file', file, name })
  const shown = files.filter(({ file }) => !file.voiceNote)
  if (manner === 'script' || shown.length < 2) return files.map(alone)
  const spoken = files.filter(({ file }) => file.voiceNote)
  return [{ kind: 'parts', text: null, mentions: [], files: shown }, ...spoken.map(alone)]
}

/** Made by `fit` of a caller's `mediaUrls`: attachments have other ids. */
function isLinked({ file }: NamedFile): boolean {
  return /^media-\d+$/.test(file.id) && file.kind === 'image'
}

function mapLink({ title, latitude, longitude }: NonNullable<Outgoing['location']>): string {
  const query = new URLSearchParams({ ll: `${latitude},${longitude}`, ...(title !== null && { q: title }) })
  return `https://maps.apple.com/?${query}`
}

/** In all, however it is split up. */
export function filesTooLarge(message: Outgoing, bytesMax: number): boolean {
  return message.attachments.some(({ bytes }) => bytes > bytesMax)
}

const patience = { text: 240_000, file: 600_000, gallery: 900_000 } as const
const patienceMaxMs = 1_200_000

/** As long as the server may take for all of it, one after the other. */
export function patienceFor({ text, attachments, location }: Outgoing): number {
  const texts = Number(text !== null) + Number(location !== null)
  const alone = attachments.filter(({ voiceNote }) => voiceNote).length
  const together = attachments.length - alone
  const filesMs = together > 1 ? patience.gallery : together * patience.file
  return Math.min(patienceMaxMs, texts * patience.text + alone * patience.file + filesMs)
}
