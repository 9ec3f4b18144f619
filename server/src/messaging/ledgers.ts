/** The store as the message path uses it: single calls that travel together, and what is asked over and over kept at hand. */
import type { Quoted } from '../channels/connector.ts'
import { createBatch } from '../lib/batch.ts'
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import { memberOf } from '../model/chat-change.ts'
import { type Conversation, targetOfLane } from '../model/conversation.ts'
import { GatewayError } from '../model/errors.ts'
import type { ConversationId } from '../model/ids.ts'
import type { Message } from '../model/message.ts'
import type { Fence } from '../store/changes.ts'
import type { NewMemberReceipt } from '../store/chats/receipts.ts'
import type { NewConversation } from '../store/conversations.ts'
import type { AcceptOutcome, NewMessage } from '../store/messages.ts'
import type { Store } from '../store/store.ts'
import type { InboxLedger } from './inbox.ts'
import { createOptOuts, type OptOuts } from './opt-outs.ts'
import type { OutboxLedger, OutboxOptions } from './outbox.ts'

export interface Ledgers {
  accept(message: NewMessage): Promise<AcceptOutcome>
  outbox: OutboxLedger
  inbox: InboxLedger
  conversations(mint: Mint): OutboxOptions['conversations']
  replyTarget: OutboxOptions['replyTarget']
  optOuts: OptOuts
  /** Contacts changed: what is kept of conversations and opt-outs is old. */
  forget(): void
}

const waitingMax = 5_000

export function createLedgers(store: Store, clock: Clock): Ledgers {
  const gathered = <Input, Output>(
    run: (inputs: readonly Input[]) => Promise<readonly Output[]>,
    rowsMax = 200,
    inFlightMax = 2,
  ) => createBatch<Input, Output>({ clock, run, rowsMax, inFlightMax, waitingMax, overloaded, isolates })

  const change = gathered(store.changes.change, 50)
  const begin = gathered(async (attempts: readonly Parameters<typeof store.outbox.begin>[0][number][]) => {
    const granted = await store.outbox.begin(attempts)
    // A lane that was lost and claimed again may ask twice for the same row: the older claim is never granted.
    const newest = new Map<number, Fence>()
    for (const { seq, fence } of attempts) newest.set(seq, Math.max(fence, newest.get(seq) ?? 0))
    return attempts.map(({ seq, fence }) => granted.has(seq) && newest.get(seq) === fence)
  })
  const finish = gathered(async (lanes: readonly Parameters<typeof store.outbox.finish>[0][number][]) => {
    const due = await store.outbox.finish(lanes)
    return lanes.map(() => due)
  })
  const keep = gathered(async (messages: readonly Parameters<typeof store.inbound.store>[0][number][]) => {
    const fresh = await store.inbound.store(messages)
    return messages.map((message) => fresh.has(message.id))
  })

  const conversations = keptConversations(store)
  const find = gathered(store.inbound.findMany, 200, 1)
  const message = gathered(store.messages.getMany, 200, 1)
  const optOuts = createOptOuts({
    clock,
    standing: store.optOuts.standing,
    isOptedOut: gathered(store.optOuts.optedOut, 200, 1),
  })

  return {
    accept: gathered(store.messages.accept),
    outbox: { claim: store.outbox.claim, begin, finish, change },
    inbox: {
      store: keep,
      storeChoice: store.optOuts.store,
      change,
      noteMember: gathered(async (receipts: readonly NewMemberReceipt[]) => {
        await store.receipts.note(receipts)
        return receipts.map(() => undefined)
      }),
      noteReceipt: async (key, receipt) => store.inbound.noteReceipt(key, receipt, await find(key)),
      findMessage: async (key) => (await find(key))?.messageId ?? null,
      tell: store.inbound.tell,
      tellOnce: store.inbound.tellOnce,
      isConnected: store.inbound.isConnected,
      message: (customerId, id) => message({ customerId, id }),
      conversation: conversations.get,
      findConversation: store.conversations.findByChat,
      ensureConversation: conversations.ensure,
      changeConversation: conversations.change,
      learnAlias: store.aliases.learn,
      phonesOf: store.aliases.phonesOf,
      chatsWith: store.aliases.chatsWith,
      joinChats: conversations.join,
    },
    conversations: (mint) => sendConversations(conversations, mint),
    replyTarget: (message, channel) => replyTarget(store, message, channel),
    optOuts,
    forget() {
      conversations.forget()
      optOuts.forget()
    },
  }
}

function overloaded(): Error {
  return new GatewayError(
    'SERVICE_UNAVAILABLE',
    'Too many requests are waiting for the database. Slow down and try again.',
    { retryAfterMs: 1_000 },
  )
}

/** What one request is refused for is no reason to refuse the others in its batch; that the database is away is. */
function isolates(error: unknown): boolean {
  return !(error instanceof GatewayError) || error.code !== 'SERVICE_UNAVAILABLE'
}

const keptMax = 10_000

type Conversations = Pick<Store['conversations'], 'get' | 'ensure' | 'change'>

/**
 * 1:1 conversations change only by what is heard here, and by contacts: then all are forgotten, and what was read before
 * that is not kept. Each that messages lead to is read once; groups are read each time.
 */
function keptConversations(store: Store): Conversations & { join: InboxLedger['joinChats']; forget(): void } {
  const byChat = new Map<string, Conversation>()
  const byId = new Map<ConversationId, Conversation>()
  let age = 0
  const keep = (conversation: Conversation, name: string, readAt: number) => {
    if (conversation.isGroup || readAt !== age) return conversation
    if (byChat.size >= keptMax) {
      byChat.clear()
      byId.clear()
    }
    byChat.set(name, conversation)
    byId.set(conversation.id, conversation)
    return conversation
  }
  /** What others are reading right now may be how it was before. */
  const drop = (id: ConversationId) => {
    age += 1
    byId.delete(id)
    for (const [name, one] of byChat) if (one.id === id) byChat.delete(name)
  }
  const forget = () => {
    age += 1
    byChat.clear()
    byId.clear()
  }
  /** What failed may have been done all the same. */
  const unsure = (error: unknown): never => {
    forget()
    throw error
  }
  return {
    async get(customerId, id) {
      const known = byId.get(id)
      if (known !== undefined && known.customerId === customerId) return known
      return store.conversations.get(customerId, id)
    },
    async ensure(fresh) {
      const name = `${fresh.customerId}/${fresh.lineId}/${fresh.channel}/${fresh.chat}`
      const readAt = age
      return byChat.get(name) ?? keep(await store.conversations.ensure(fresh), name, readAt)
    },
    async change(request) {
      const outcome = await store.conversations.change(request).catch(unsure)
      if (outcome !== null && !outcome.conversation.isGroup) drop(outcome.conversation.id)
      return outcome
    },
    async join(place, phone) {
      const isJoined = await store.aliases.joinChats(place, phone).catch(unsure)
      if (isJoined) forget()
      return isJoined
    },
    forget,
  }
}

function sendConversations(conversations: Conversations, mint: Mint): OutboxOptions['conversations'] {
  return {
    get: conversations.get,
    ofSend(message, channel, chat) {
      const target = targetOfLane(message.lane ?? '')
      const handle = 'handle' in target ? target.handle : null
      return conversations.ensure({
        customerId: message.customerId,
        lineId: message.lineId,
        channel,
        chat: chat as NewConversation['chat'],
        id: mint() as ConversationId,
        handle,
        isGroup: handle === null,
        name: null,
        participants: handle === null ? [] : [memberOf(handle)],
        unheard: handle === null,
      })
    },
  }
}

/** Null when the message cannot be quoted on this channel: then the reply goes out as a plain message. */
async function replyTarget(store: Store, message: Message, channel: Channel): Promise<Quoted | null> {
  if (message.content.replyTo === null) return null
  const quoted = await store.messages.get(message.customerId, message.content.replyTo)
  if (quoted === null || quoted.channel !== channel || quoted.providerId === null || quoted.conversationId === null)
    return null
  const conversation = await store.conversations.get(message.customerId, quoted.conversationId)
  const chat = conversation?.providerChatId ?? null
  if (chat === null) return null
  return { chat, providerId: quoted.providerId, fromMe: quoted.direction === 'outbound', text: quoted.content.text }
}
