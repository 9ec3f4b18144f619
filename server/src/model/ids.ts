/** Opaque identifiers. Only the code that mints an id may look inside it. */
import type { Channel } from './channel.ts'

export type Id<Kind extends string> = string & { readonly kind: Kind }

export type CustomerId = Id<'customer'>
export type KeyId = Id<'key'>
export type LineId = Id<'line'>
export type ConversationId = Id<'conversation'>
export type ContactId = Id<'contact'>
export type MessageId = Id<'message'>
export type EventId = Id<'event'>
export type WebhookId = Id<'webhook'>
export type DeliveryId = Id<'delivery'>
export type WebhookJobId = Id<'webhookJob'>
export type AgentId = Id<'agent'>

/**
 * Ours, one per message, channel and retry generation, known before the first send: tries on that channel
 * reuse it, so the network can drop a repeat and an echo can be matched. A fallback or a retry has another.
 */
export type ClientRef = Id<'clientRef'>
/** Theirs. A connector makes and parses these; everyone else only compares them. */
export type ProviderMessageId = Id<'providerMessage'>
export type ProviderChatId = Id<'providerChat'>
/** A person as the network names them: E.164, e-mail, JID or LID. */
export type Handle = Id<'handle'>

const channelMarks: Record<Channel, string> = { imessage: 'i', sms: 's', whatsapp: 'w' }
const refPattern = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})[isw][0-9a-z]+$/

/** Derived rather than drawn: an echo finds its message without a table, and a repeated start cannot mint a second one. */
export function clientRef(message: MessageId, channel: Channel, generation: number): ClientRef {
  return `${message.replaceAll('-', '')}${channelMarks[channel]}${generation.toString(36)}` as ClientRef
}

/** The message a ref was made for; null for a text that is no ref of ours. */
export function messageOfRef(ref: string): MessageId | null {
  const match = refPattern.exec(ref)
  return match === null ? null : (match.slice(1).join('-') as MessageId)
}
