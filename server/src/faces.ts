/** What stands behind each face of the gateway: thin calls into the rooms. */
import type { Gateway } from './gateway.ts'
import { createRevisions } from './messaging/revise.ts'
import { type SubmitOptions, submit } from './messaging/submit.ts'
import { GatewayError } from './model/errors.ts'
import { parseAddress } from './model/handle.ts'
import type { MemberReceipt, Message } from './model/message.ts'
import type { Parts } from './parts.ts'

export function messagesOf(parts: Parts): Gateway['messages'] {
  const { options, store, ledgers, bell } = parts
  const revisions = createRevisions({
    clock: options.clock,
    mint: options.mint,
    change: ledgers.outbox.change,
    message: store.messages.get,
    conversation: (message) =>
      message.conversationId === null
        ? Promise.resolve(null)
        : store.conversations.get(message.customerId, message.conversationId),
    act: (link, verb, ...args) => parts.commands.act(link, verb, ...args),
    told: (message, work) => {
      bell.events(message.customerId)
      if (work) bell.work(message.lineId)
    },
  })
  const submitting = submittingOf(parts)
  const get: Gateway['messages']['get'] = async (by, id) => {
    const message = await store.messages.get(by.customerId, id)
    if (message === null) throw new GatewayError('NOT_FOUND', 'There is no such message.')
    return message
  }
  return {
    submit: (by, draft) => submit(submitting, by.customerId, draft),
    get,
    receipts: async (by, id) => {
      const message = await get(by, id)
      return { message, receipts: receiptOf(message) ?? (await memberReceipts(store, message)) }
    },
    list: (by, filter) => store.messages.list(by.customerId, filter),
    remove: (by, id) => revisions.remove(by.customerId, id),
    retry: (by, id) => revisions.retry(by.customerId, id),
    cancel: (by, id) => revisions.cancel(by.customerId, id),
    edit: (by, id, text, fallbackText) => revisions.edit(by.customerId, id, { text, fallbackText }),
    unsend: (by, id) => revisions.unsend(by.customerId, id),
    react: (by, id, reaction) => revisions.react(by.customerId, id, reaction),
    markRead: (by, id) => revisions.markRead(by.customerId, id),
  }
}

/** What it takes to accept a message, whoever submits it. */
export function submittingOf(parts: Submitting): SubmitOptions {
  const { options, store, ledgers, bell, lines } = parts
  return {
    clock: options.clock,
    mint: options.mint,
    accept: ledgers.accept,
    lines: lines.ofCustomer,
    linesNow: store.lines.ofCustomer,
    conversation: store.conversations.get,
    conversationIn: async (...[customerId, chat, line]: Parameters<SubmitOptions['conversationIn']>) =>
      (await store.chats.named(customerId, { chat }, line))?.conversation ?? null,
    message: store.messages.get,
    winner: store.messages.winner,
    keepFile: parts.media.keep,
    admit: parts.webhooks.admit,
    closed: ledgers.optOuts.closed,
    meet: parts.contacts.meet,
    stored: ({ customerId, lineId, callbackUrl }: Message) => {
      bell.work(lineId)
      bell.events(customerId)
      if (callbackUrl !== null) parts.webhooks.calls(customerId)
    },
  }
}

type Submitting = Pick<Parts, 'options' | 'store' | 'ledgers' | 'bell' | 'lines' | 'media' | 'webhooks' | 'contacts'>

/** In a conversation of two, the message's own moments say it all. Null: there are more who can tell. */
function receiptOf({ direction, to, deliveredAt, readAt }: Message): MemberReceipt[] | null {
  if (direction === 'inbound') return []
  const handle = to === null ? null : parseAddress(to)
  if (handle === null) return null
  return deliveredAt === null && readAt === null ? [] : [{ handle, deliveredAt, readAt }]
}

function memberReceipts(store: Parts['store'], message: Message): Promise<MemberReceipt[]> {
  const { customerId, lineId, channel, providerId } = message
  if (channel === null || providerId === null) return Promise.resolve([])
  return store.receipts.list({ customerId, lineId, channel, providerId })
}

export function linesOf(parts: Parts): Gateway['lines'] {
  const { store, lines } = parts
  return {
    list: (by) => store.lines.ofCustomer(by.customerId),
    reach: async (by, handle) => parts.reach.reachability(by.customerId, await lines.ofCustomer(by.customerId), handle),
  }
}

export function eventsOf(parts: Parts): Gateway['events'] {
  const { store, follow } = parts
  return {
    async *follow(by, from, signal) {
      const after = from.after ?? (await store.events.end())
      yield* follow.follow(by.customerId, { after, types: from.types }, signal)
    },
    cursorOf: (by, event) => store.events.cursorOf(by.customerId, event),
    end: store.events.end,
  }
}

export function adminOf(parts: Parts): Gateway['admin'] {
  const { callers, lines, bell, store } = parts
  return {
    createCustomer: callers.createCustomer,
    changeCustomer: async (id, change) => {
      const customer = await callers.changeCustomer(id, change)
      bell.changed()
      return customer
    },
    customers: callers.customers,
    customer: callers.customer,
    createKey: callers.createKey,
    keys: callers.keys,
    revokeKey: async (id) => {
      const key = await callers.revokeKey(id)
      bell.changed()
      return key
    },
    createLine: lines.create,
    lines: lines.page,
    line: lines.get,
    changeLine: lines.change,
    removeLine: lines.remove,
    testLine: parts.providerCalls.test,
    addNumber: lines.addNumber,
    numbers: lines.numbers,
    removeNumber: lines.removeNumber,
    makeDefault: lines.makeDefault,
    pairing: parts.pairing.ofLine,
    usage: store.upkeep.usage,
  }
}
