/** The model of what networks tell us, of conversations, and of the processes and the lines they hold. */
import type { Channel } from '../../src/model/channel.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import { nothingRecent } from '../../src/model/echo.ts'
import type { NewEvent } from '../../src/model/event.ts'
import type { ConversationId, CustomerId, Handle, LineId, MessageId, ProviderMessageId } from '../../src/model/ids.ts'
import type { Message } from '../../src/model/message.ts'
import type { EarlyReceipt, Fence } from '../../src/store/changes.ts'
import type {
  ConversationKey,
  ConversationOutcome,
  ConversationRequest,
  NewConversation,
} from '../../src/store/conversations.ts'
import type { NewInbound, ProviderKey } from '../../src/store/inbound.ts'
import type { HeldLine } from '../../src/store/nodes.ts'
import type { NewChoice } from '../../src/store/people/opt-outs.ts'
import { dateOf, type LineRow, never, type Rows, tellRow } from './ledger-rows.ts'

const earlyMax = 10

interface Named {
  customerId: CustomerId
  lineId: LineId
  channel: Channel
  providerId: ProviderMessageId
}

export function providerName(key: Named, direction: 'inbound' | 'outbound'): string {
  return `${key.customerId} ${key.lineId} ${key.channel} ${direction} ${key.providerId}`
}

export function storeInbound(rows: Rows, batch: readonly NewInbound[], nowMs: number): Set<MessageId> {
  const fresh = new Set<MessageId>()
  for (const input of batch) {
    const name = providerName(input, 'inbound')
    if (rows.providerIds.has(name) && rows.plant !== 'inbound-without-key') continue
    rows.providerIds.set(name, { messageId: input.id, early: [] })
    const withheld = input.event === null
    rows.messages.set(input.id, { message: inboundMessage(input, dateOf(nowMs)), fingerprint: null, withheld })
    if (input.event !== null) tellRow(rows, input.customerId, input.event, nowMs)
    fresh.add(input.id)
  }
  return fresh
}

export function storeChoice(rows: Rows, input: NewInbound, event: NewChoice, nowMs: number): boolean {
  const isNew = storeInbound(rows, [input], nowMs).size === 1
  if (isNew) choose(rows, input.customerId, event, nowMs)
  return isNew
}

export function choose(rows: Rows, customerId: CustomerId, event: NewChoice, nowMs: number): boolean {
  const name = optOutName(customerId, event.data.person)
  const isOut = event.type === 'contact.opted_out'
  if ((rows.optOuts.get(name) ?? false) === isOut) return false
  rows.optOuts.set(name, isOut)
  tellRow(rows, customerId, event, nowMs)
  return true
}

function optOutName(customerId: CustomerId, person: Handle): string {
  return `${customerId} ${person}`
}

export function optedOut(rows: Rows, customerId: CustomerId): Handle[] {
  const names = [...rows.optOuts].filter(([name, isOut]) => isOut && name.startsWith(`${customerId} `))
  return names.map(([name]) => name.slice(customerId.length + 1) as Handle)
}

function inboundMessage(input: NewInbound, now: Date): Message {
  const { customerId, id, lineId, conversationId, channel, providerId, from, to, content } = input
  return {
    customerId,
    id,
    direction: 'inbound',
    status: 'received',
    pending: false,
    lineId,
    conversationId,
    lane: null,
    channel,
    from,
    to,
    content,
    metadata: input.metadata ?? null,
    route: [channel],
    fallbackTriggered: false,
    providerId,
    errorCode: null,
    errorMessage: null,
    idempotencyKey: null,
    callbackUrl: null,
    correlationId: null,
    retryCount: 0,
    timeline: [{ status: 'received', at: now.toISOString(), channel }],
    createdAt: now,
    updatedAt: now,
    scheduledAt: null,
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    deletedAt: null,
  }
}

export function findMessage(rows: Rows, key: ProviderKey): MessageId | null {
  const outbound = rows.providerIds.get(providerName(key, 'outbound'))?.messageId ?? null
  const inbound = rows.providerIds.get(providerName(key, 'inbound'))?.messageId ?? null
  return outbound ?? (inbound !== null && rows.messages.get(inbound)?.withheld === true ? null : inbound)
}

export function noteEarly(rows: Rows, key: ProviderKey, receipt: EarlyReceipt): void {
  const name = providerName(key, 'outbound')
  const row = rows.providerIds.get(name) ?? { messageId: null, early: [] }
  if (row.messageId !== null || row.early.length >= earlyMax || rows.plant === 'receipt-forgotten') return
  rows.providerIds.set(name, { messageId: null, early: [...row.early, receipt] })
}

function chatName({ customerId, lineId, channel, chat }: ConversationKey): string {
  return `${customerId} ${lineId} ${channel} ${chat}`
}

export function conversationByChat(rows: Rows, key: ConversationKey): Conversation | null {
  return rows.conversations.get(chatName(key)) ?? null
}

export function conversationById(rows: Rows, customerId: CustomerId, id: ConversationId): Conversation | null {
  for (const one of rows.conversations.values()) if (one.id === id && one.customerId === customerId) return one
  return null
}

/** Null when somebody else has made it meanwhile. */
export function insertConversation(rows: Rows, fresh: NewConversation): Conversation | null {
  if (rows.conversations.has(chatName(fresh))) return null
  const { id, customerId, lineId, channel, chat, isGroup, name, participants } = fresh
  const of = { id, customerId, lineId, channel, providerChatId: chat, isGroup, name, participants }
  const made: Conversation = fresh.unheard === true ? { ...of, unheard: true } : of
  rows.conversations.set(chatName(fresh), made)
  return made
}

function recentName(customerId: CustomerId, key: string): string {
  return `${customerId} ${key}`
}

function wasHeard(rows: Rows, name: string, nowMs: number): boolean {
  const row = rows.recent.get(name)
  return row !== undefined && row.expiresMs > nowMs
}

export function changeConversation(rows: Rows, request: ConversationRequest, nowMs: number): ConversationOutcome {
  const { customerId, of } = request
  const conversation =
    'id' in of ? conversationById(rows, customerId, of.id) : conversationByChat(rows, { ...of, customerId })
  if (conversation === null) return null
  const notice = request.notice?.(conversation) ?? null
  const repeated = notice !== null && wasHeard(rows, recentName(customerId, notice.key), nowMs)
  if (notice !== null) rows.recent.set(recentName(customerId, notice.key), { expiresMs: nowMs + notice.forMs })
  const recent = rows.echoes.get(conversation.id) ?? nothingRecent
  const decided = request.decide({ conversation, recent, nowMs: dateOf(nowMs).getTime(), repeated })
  if (decided === null) return { told: false, conversation }
  if (decided.recent !== undefined) rows.echoes.set(conversation.id, decided.recent)
  for (const [name, one] of rows.conversations)
    if (one.id === conversation.id) rows.conversations.set(name, decided.conversation)
  for (const event of decided.events) tellRow(rows, customerId, event, nowMs)
  return { told: decided.events.length > 0, conversation: decided.conversation }
}

export function tellOnce(
  rows: Rows,
  told: { customerId: CustomerId; event: NewEvent; key: string; forMs: number },
  nowMs: number,
): boolean {
  const name = recentName(told.customerId, told.key)
  if (wasHeard(rows, name, nowMs)) return false
  rows.recent.set(name, { expiresMs: nowMs + told.forMs })
  tellRow(rows, told.customerId, told.event, nowMs)
  return true
}

export function forgetTold(rows: Rows, nowMs: number): number {
  const old = [...rows.recent].filter(([, { expiresMs }]) => expiresMs <= nowMs)
  for (const [name] of old) rows.recent.delete(name)
  return old.length
}

export function registerNode(rows: Rows, nowMs: number): number {
  const number = ++rows.node
  rows.nodes.set(number, { seenMs: nowMs, lives: true })
  return number
}

export function beatNode(rows: Rows, node: number, nowMs: number): boolean {
  const row = rows.nodes.get(node)
  if (row !== undefined) row.seenMs = nowMs
  return row !== undefined
}

export function renewLanes(
  rows: Rows,
  lease: { node: number; fences: readonly Fence[]; ms: number },
  nowMs: number,
): Set<Fence> {
  const kept = new Set<Fence>()
  for (const lane of rows.lanes.values()) {
    if (lane.holder !== lease.node || !lease.fences.includes(lane.fence) || lane.leaseUntilMs <= nowMs) continue
    lane.leaseUntilMs = nowMs + lease.ms
    kept.add(lane.fence)
  }
  return kept
}

export function renewLines(rows: Rows, lease: { node: number; ms: number }, nowMs: number): HeldLine[] {
  const mine = [...rows.lines.values()].filter((line) => line.holder === lease.node && line.leaseUntilMs > nowMs)
  for (const line of mine) line.leaseUntilMs = nowMs + lease.ms
  return mine.map(heldLine)
}

export function buryNodes(rows: Rows, by: { node: number; leaseMs: number }, nowMs: number): number[] {
  const dead = [...rows.nodes].filter(
    ([number, { seenMs, lives }]) => number !== by.node && (seenMs < nowMs - by.leaseMs || !lives),
  )
  for (const [number] of dead) leaveNode(rows, number)
  return dead.map(([number]) => number)
}

export function leaveNode(rows: Rows, node: number): void {
  rows.nodes.delete(node)
  for (const held of [...rows.lanes.values(), ...rows.lines.values()]) {
    if (held.holder !== node) continue
    held.holder = null
    held.leaseUntilMs = never
  }
}

export function takeLines(rows: Rows, lease: { node: number; ms: number }, nowMs: number): HeldLine[] {
  const all = [...rows.lines.values()]
  const mine = all.filter((line) => line.holder === lease.node && line.leaseUntilMs > nowMs).length
  const share = Math.max(0, Math.ceil(all.length / Math.max(1, rows.nodes.size)) - mine)
  const taken = all.filter((line) => line.leaseUntilMs < nowMs).slice(0, share)
  for (const line of taken) {
    line.holder = lease.node
    line.epoch += 1
    line.leaseUntilMs = nowMs + lease.ms
  }
  return taken.map(heldLine)
}

export function releaseLine(rows: Rows, node: number, { id, epoch }: { id: LineId; epoch: number }): void {
  const line = rows.lines.get(id)
  if (line === undefined || line.holder !== node || line.epoch !== epoch) return
  line.holder = null
  line.leaseUntilMs = never
}

function heldLine({ id, customerId, address, channels, epoch }: LineRow): HeldLine {
  return {
    id,
    customerId,
    address,
    email: null,
    channels,
    epoch,
    provider: 'sandbox',
    url: null,
    secret: null,
    linkOrders: {},
    channelProviders: {},
  }
}
