/** A message of ours as the messages of WhatsApp that carry it, in the words of the library's generateWAMessage. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { AnyMessageContent, MiscMessageGenerationOptions, proto, WAMessage } from 'baileys'
import { SendFailure } from '../../../model/delivery.ts'
import type { ClientRef, Handle } from '../../../model/ids.ts'
import type { OutgoingFile } from '../../../model/media/file.ts'
import type { Mention } from '../../../model/message.ts'
import type { Outgoing } from '../../connector.ts'
import { addressOf, isGroup, keyOfTarget } from '../names.ts'

export interface Part {
  /** The same whenever the message is sent again, so that a phone that has it drops it. */
  id: string
  /** Opens the file, if there is one: to be called when its turn has come, and for each try anew. */
  content(): Promise<AnyMessageContent>
  options: Pick<MiscMessageGenerationOptions, 'messageId' | 'quoted' | 'ephemeralExpiration'>
}

/** What a message is sent into. */
export interface Surroundings {
  /** Where it goes, as it is addressed there. */
  jid: string
  /** What is answered, as it was sent; null when it is not kept any more. */
  quoted: proto.IMessage | null
  /** In seconds; null where messages stay. */
  expiration: number | null
  /** What the group calls a member; by number if it is not known. */
  memberJid?(handle: Handle): string | null
}

/** What phones show of a caption; a longer text goes ahead of the files. */
const captionMax = 1_024

export function contentOf(message: Outgoing, around: Surroundings): readonly Part[] {
  const { ref, text, attachments, location } = message
  const [first] = attachments
  const isCaption = isCaptioned(message)
  const worded = text === null ? null : mentioning(text, isGroup(around.jid) ? message.mentions : [], around)
  const makes: (() => Promise<AnyMessageContent>)[] = []
  if (worded !== null && !isCaption)
    makes.push(async () => ({ text: worded.text, linkPreview: null, ...contextOf(worded.jids) }))
  for (const file of attachments) {
    const caption = isCaption && file === first ? worded : null
    makes.push(() => fileContent(file, caption))
  }
  if (location !== null) makes.push(async () => ({ location: placeOf(location) }))
  if (makes.length === 0) throw new SendFailure('refused', 'CONTENT_NOT_SUPPORTED', 'There is nothing to send.')
  return makes.map((content, nth) => {
    const id = messageIdOf(ref, nth)
    const quoted = nth === 0 ? quotedIn(message, around) : undefined
    const expiring = around.expiration ? { ephemeralExpiration: around.expiration } : {}
    return { id, content, options: { messageId: id, ...(quoted && { quoted }), ...expiring } }
  })
}

/** How many messages it becomes, known before any of them is made: each of them takes a turn. */
export function messagesIn(message: Outgoing): number {
  const { text, attachments, location } = message
  return attachments.length + Number(text !== null && !isCaptioned(message)) + Number(location !== null)
}

function isCaptioned({ text, attachments: [first] }: Outgoing): boolean {
  return text !== null && first !== undefined && first.kind !== 'audio' && text.length <= captionMax
}

/** Of the form that WhatsApp Web gives its own. */
export function messageIdOf(ref: ClientRef, part: number): string {
  return `3EB0${createHash('sha256').update(`${ref}:${part}`).digest('hex').slice(0, 18).toUpperCase()}`
}

interface Worded {
  text: string
  jids: readonly string[]
}

/** Phones look for an @ and what stands before the @ of the JID, and show the person's name in its place. */
function mentioning(text: string, mentions: readonly Mention[], { memberJid }: Surroundings): Worded {
  const jids = new Set<string>()
  let shown = ''
  let end = 0
  for (const { handle, start, length } of [...mentions].sort((one, other) => one.start - other.start)) {
    const jid = memberJid?.(handle) ?? addressOf(handle)
    jids.add(jid)
    // Two in one place: both are told, the first is shown.
    if (start < end || start >= text.length) continue
    const from = start > end && text[start - 1] === '@' ? start - 1 : start
    shown += `${text.slice(end, from)}@${jid.split('@')[0]}`
    end = Math.min(start + length, text.length)
  }
  return { text: shown + text.slice(end), jids: [...jids] }
}

function contextOf(jids: readonly string[]) {
  return jids.length === 0 ? {} : { contextInfo: { mentionedJid: [...jids] } }
}

/**
 * Files go as streams: baileys 7.0.0-rc14 encrypts them piece by piece into a file in os.tmpdir(), uploads that and removes it, so
 * that memory stays flat and nothing lies there in the clear. For what it is not told (length, sketch, loudness) it would open
 * the file in this process, with ffmpeg by way of a shell: so it is told everything, be it that there is none.
 */
async function fileContent(file: OutgoingFile, caption: Worded | null): Promise<AnyMessageContent> {
  const { kind, mimeType: mimetype, voiceNote } = file
  const media = { stream: await inLargePieces(await file.open()) }
  const said = caption === null ? {} : { caption: caption.text, ...contextOf(caption.jids) }
  const size = file.width === null || file.height === null ? {} : { width: file.width, height: file.height }
  const seconds = file.durationMs === null ? 0 : Math.max(1, Math.round(file.durationMs / 1_000))
  const jpegThumbnail = Buffer.from(file.thumbnail ?? []).toString('base64')
  switch (kind) {
    case 'image':
      return { image: media, mimetype, jpegThumbnail, ...size, ...said }
    case 'video':
      return { video: media, mimetype, jpegThumbnail, ...size, ...said, ...{ seconds } }
    case 'audio': {
      const waveform = voiceNote && file.waveform !== null ? Uint8Array.from(file.waveform) : null
      return { audio: media, mimetype: audioType(mimetype), ptt: voiceNote, seconds, ...{ waveform } }
    }
    case 'document':
      return { document: media, mimetype, fileName: file.filename ?? 'file', ...said }
  }
}

const pieceBytes = 128 * 1024

/**
 * The library listens for errors of its own file only while it waits for it: one that comes while it waits for us instead (the
 * folder is gone, the disk is full) would end the process. It waits after each piece that is larger than the 64 KiB which a
 * stream of Node holds. So the first is there before it asks, all are large, and the last comes when nothing is left to read.
 */
async function inLargePieces(source: Readable): Promise<Readable> {
  const pieces: AsyncIterator<Buffer> = source[Symbol.asyncIterator]()
  const first = await nextPiece(pieces)
  const large = Readable.from(
    (async function* () {
      for (let piece = first; piece.length > 0; piece = await nextPiece(pieces)) {
        yield piece
        if (piece.length < pieceBytes) return
      }
    })(),
  )
  return large.once('close', () => source.destroy())
}

/** Smaller only at the end. */
async function nextPiece(pieces: AsyncIterator<Buffer>): Promise<Buffer> {
  const held: Buffer[] = []
  for (let bytes = 0; bytes < pieceBytes; ) {
    const { done, value } = await pieces.next()
    if (done) break
    held.push(value)
    bytes += value.length
  }
  return Buffer.concat(held)
}

/** Phones play Opus only if the type names it. */
function audioType(mimeType: string): string {
  return mimeType === 'audio/ogg' ? 'audio/ogg; codecs=opus' : mimeType
}

function placeOf({ title, latitude, longitude }: NonNullable<Outgoing['location']>) {
  return { degreesLatitude: latitude, degreesLongitude: longitude, ...(title !== null && { name: title }) }
}

/** Named as being in this chat, under whichever name it goes by here: otherwise phones show it as taken from another. */
function quotedIn({ replyTo }: Outgoing, { jid, quoted }: Surroundings): WAMessage | undefined {
  if (replyTo === null) return undefined
  const key = { ...keyOfTarget(replyTo), remoteJid: jid }
  return { key, message: quoted ?? { conversation: '' } }
}
