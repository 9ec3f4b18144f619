/** What a caller asks to be sent, checked for shape but not yet for sense. */
import type { Channel } from '../model/channel.ts'
import type { Attachment, Content } from '../model/message.ts'

/** Bytes a caller handed over inside the request; stored before the message is. */
export type DraftAttachment = Omit<Attachment, 'id' | 'source' | 'bytes'> & ({ url: string } | { base64: string })

export interface Draft {
  /** As the caller wrote it; exactly one of the two. */
  to: string | null
  conversationId: string | null
  from: string | null
  content: Omit<Content, 'attachments' | 'replyTo' | 'mentions'>
  attachments: readonly DraftAttachment[]
  /** An internal message id, or any text: unknown ones are REPLY_NOT_FOUND. */
  replyTo: string | null
  mentions: readonly { address: string; start: number; length: number }[]
  /** Null: the caller did not say. */
  preference: readonly Channel[] | null
  fallback: boolean
  scheduledAt: string | null
  idempotencyKey: string | null
  callbackUrl: string | null
  /** Whoever it goes to becomes a contact. Another wish for the same message makes it no other message. */
  createContact?: boolean
  metadata: Readonly<Record<string, unknown>> | null
  correlationId: string
}
