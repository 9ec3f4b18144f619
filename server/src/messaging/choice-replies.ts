/** What is answered to STOP and START where no provider does it: one message, which may go to somebody who has just opted out. */
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import { ownName } from '../model/chat-change.ts'
import { type Conversation, laneOf } from '../model/conversation.ts'
import type { CustomerId, Handle, LineId, MessageId } from '../model/ids.ts'
import type { Content } from '../model/message.ts'
import type { Choice } from '../model/opt-out.ts'
import type { NewMessage } from '../store/messages.ts'
import { newEvent } from './settle.ts'

const words: Readonly<Record<Choice, string>> = {
  out: 'You are unsubscribed and will get no more messages from this number. Reply START to get them again.',
  in: 'You are subscribed again. Reply STOP to get no more messages from this number.',
}

interface From {
  customerId: CustomerId
  lineId: LineId
  address: Handle | null
  email?: Handle | null
  channel: Channel
}

export function replyToChoice(source: From, conversation: Conversation, choice: Choice, mint: Mint): NewMessage {
  const id = mint() as MessageId
  const { customerId, lineId, channel } = source
  const to = conversation.participants[0]?.handle ?? ''
  const from = ownName(source)
  const correlationId = `cor_${mint().replaceAll('-', '')}`
  const text = words[choice]
  const content: Content = {
    ...{ text, mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null },
    answersChoice: true,
  }
  const about = {
    ...{ id, lineId, externalId: null, from, to, text, channel: null, status: 'queued' as const },
    ...{ metadata: null, conversation, retryCount: 0 },
  }
  return {
    ...{ customerId, id, lineId, conversationId: conversation.id, from, to, content, metadata: null },
    ...{ route: [channel], idempotencyKey: null, fingerprint: '', callbackUrl: null, correlationId, scheduledAt: null },
    lane: laneOf({ conversation }),
    event: newEvent({ type: 'message.queued', data: { message: about } }, { correlationId }, mint),
  }
}
