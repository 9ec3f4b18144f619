/** What a message says: its text and its media, wherever in it they stand, and how a person's message is put together. */
import { extractMessageContent, type MediaType, type proto } from 'baileys'
import type { MediaFile } from '../media/host.ts'

export interface Told {
  text: string | null
  media: { kind: MediaType; mimeType: string; file: Partial<Record<keyof MediaFile, unknown>> } | null
}

/** Messages that people read; reactions, edits and the like are about other messages. */
export function told(message: proto.IMessage): Told {
  const content = extractMessageContent(message)
  const { imageMessage, videoMessage, ptvMessage, audioMessage, documentMessage, stickerMessage } = content ?? {}
  const caption = imageMessage?.caption ?? videoMessage?.caption ?? documentMessage?.caption
  const text = content?.conversation ?? content?.extendedTextMessage?.text ?? caption ?? null
  const files: [MediaType, proto.Message.IImageMessage | null | undefined][] = [
    ['image', imageMessage],
    ['video', videoMessage],
    ['ptv', ptvMessage],
    ['audio', audioMessage],
    ['document', documentMessage],
    ['sticker', stickerMessage],
  ]
  const found = files.find(([, file]) => file)
  if (!found?.[1]) return { text: text === '' ? null : text, media: null }
  const [kind, file] = found
  const { directPath, mediaKey, fileSha256, mimetype } = file
  return { text: text || null, media: { kind, mimeType: mimetype ?? '', file: { directPath, mediaKey, fileSha256 } } }
}

export function textOf(message: proto.IMessage): string | null {
  return told(message).text
}
