/** A message of the load as the store takes it, for what is measured below HTTP. */
import type { Mint } from '../../src/lib/mint.ts'
import { laneOf } from '../../src/model/conversation.ts'
import type { CustomerId, EventId, Handle, LineId, MessageId } from '../../src/model/ids.ts'
import type { NewMessage } from '../../src/store/messages.ts'
import type { Post } from './traffic.ts'

export function newMessage(post: Post, mint: Mint): NewMessage {
  const { sender, line, to, text, key } = post
  const [customerId, lineId, id] = [sender.customerId as CustomerId, line.id as LineId, mint() as MessageId]
  const metadata = { order: `A-${key}`, shop: 'bench' }
  const about = {
    id,
    lineId,
    externalId: null,
    from: line.address,
    to,
    text,
    channel: null,
    status: 'queued' as const,
    metadata,
    conversation: null,
    retryCount: 0,
  }
  return {
    customerId,
    id,
    lineId,
    conversationId: null,
    from: line.address,
    to,
    content: { text, mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null },
    metadata,
    route: ['imessage', 'sms'],
    idempotencyKey: key,
    fingerprint: key,
    callbackUrl: null,
    correlationId: `cor_${id.replaceAll('-', '')}`,
    scheduledAt: null,
    lane: laneOf({ handle: to as Handle }),
    event: { type: 'message.queued', data: { message: about }, id: mint() as EventId, correlationId: null },
  }
}
