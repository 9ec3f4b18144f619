/** Lanes: everything for one person of a line goes one way, however the person was named. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Conversation, laneOf, targetOfLane } from './conversation.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from './ids.ts'

const person = '+12025550100' as Handle
const group = '120363000000000001@g.us' as ProviderChatId

function conversation(change: Partial<Conversation>): Conversation {
  const participant = { handle: person, contactId: null, role: 'member', admin: null, phoneKnown: true } as const
  return {
    id: 'conversation-1' as ConversationId,
    customerId: 'customer-1' as CustomerId,
    lineId: 'line-1' as LineId,
    channel: 'whatsapp',
    providerChatId: null,
    isGroup: false,
    name: null,
    participants: [participant],
    ...change,
  }
}

describe('a lane', () => {
  test('is the same for a person by handle, by conversation and by chat, on every channel', () => {
    const lanes = [
      laneOf({ handle: person }),
      laneOf({ conversation: conversation({}) }),
      laneOf({
        conversation: conversation({ channel: 'sms', providerChatId: 'SMS;-;+12025550100' as ProviderChatId }),
      }),
      laneOf({ chat: 'iMessage;-;+12025550100' as ProviderChatId }),
    ]
    expect(new Set(lanes)).toEqual(new Set(['h:+12025550100']))
  })

  test('is the same for a group by chat and by conversation, and no member’s', () => {
    const lane = laneOf({ conversation: conversation({ isGroup: true, providerChatId: group }) })
    expect(lane).toBe(laneOf({ chat: group }))
    expect(lane).not.toBe(laneOf({ handle: person }))
  })

  test('is the conversation’s own while its chat or its person is not known', () => {
    expect(laneOf({ conversation: conversation({ isGroup: true }) })).toBe('c:conversation-1')
    expect(laneOf({ conversation: conversation({ participants: [] }) })).toBe('c:conversation-1')
  })

  test('leads back to whom it is for, and people and chats never share one', () => {
    const anyName = fc.string({ minLength: 1 }).filter((name) => !name.startsWith('iMessage;-;'))
    fc.assert(
      fc.property(anyName, (name) => {
        expect(targetOfLane(laneOf({ handle: name as Handle }))).toEqual({ handle: name })
        expect(targetOfLane(laneOf({ chat: name as ProviderChatId }))).toEqual({ chat: name })
      }),
    )
  })
})
