/** What a channel can carry, declared once per channel as data. */
import type { ErrorCode } from './errors.ts'

export const channels = ['imessage', 'whatsapp', 'sms'] as const
export type Channel = (typeof channels)[number]

/**
 * native: carried as asked. adapted: carried in another form (transcoded, flattened to text).
 * dropped: left out, the rest is sent. refused: the whole send fails.
 */
export type Support = 'native' | 'adapted' | 'dropped' | 'refused'

export type Feature = 'effect' | 'reply' | 'mention' | 'carousel' | 'voiceNote' | 'location'
export type MediaKind = 'image' | 'video' | 'audio' | 'document'
export type Reliability = 'always' | 'sometimes' | 'never'

/** What a file can be made into: JPEG, MP4 with H.264 and AAC, Opus in Ogg, Opus in CAF. */
export type Form = 'jpeg' | 'mp4' | 'ogg-opus' | 'caf-opus'

export interface MediaRule {
  support: Support
  bytesMax: number
  /** Types that need nothing done, as `type/subtype` or with `; codecs=a,b` for what may be inside. */
  sentAsIs: readonly string[]
  /** What the others are made into; null: they go out as documents. */
  becomes: Form | null
  /** Larger pictures are made smaller than this first, though the channel would take them. */
  reducedTo?: number
}

export interface Capabilities {
  textLengthMax: number
  /** Of SMS: into so many parts a text may fall, which are shorter with letters that its own alphabet lacks. */
  segmentsMax?: number
  features: Record<Feature, Support>
  media: Record<MediaKind, MediaRule>
  /** Null: recordings go out as plain files, whatever the caller called them. */
  voiceNotes: { sentAsIs: readonly string[]; becomes: Form } | null
  /** Which of the two media fields wins when a caller filled both. */
  mediaFrom: 'attachments' | 'mediaUrls'
  /** The code a too large file is refused with. */
  tooLargeCode: ErrorCode
  groups: boolean
  /** Besides ourselves; absent: what is usual on this channel. */
  groupMembersMax?: number
  /** Which receipts callers may count on. */
  receipts: { delivered: Reliability; read: Reliability }
  /** True when a second send with the same ClientRef cannot produce a second message. */
  dedupesByRef: boolean
}

export function isChannel(text: string): text is Channel {
  return (channels as readonly string[]).includes(text)
}

export function mediaKindOf(mimeType: string | null): MediaKind {
  if (mimeType === null) return 'document'
  if (mimeType.startsWith('image/')) return 'image'
  if (mimeType.startsWith('video/')) return 'video'
  if (mimeType.startsWith('audio/')) return 'audio'
  return 'document'
}
