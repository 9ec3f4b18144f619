/** The same operations on the real store and on its model, so that the two can be compared step by step. */

import type { Mint } from '../../src/lib/mint.ts'
import { asking, chatChange, type Roster, refused, rosterTold } from '../../src/messaging/chat-changes.ts'
import { createRevisions } from '../../src/messaging/revise.ts'
import { acceptedChange, type Failing, failedChange, receiptChange } from '../../src/messaging/settle.ts'
import type { ChatChange, Origin } from '../../src/model/chat-change.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import { GatewayError } from '../../src/model/errors.ts'
import type { NewEvent } from '../../src/model/event.ts'
import { type CustomerId, clientRef, type EventId, type LineId, type MessageId } from '../../src/model/ids.ts'
import type { Message } from '../../src/model/message.ts'
import type { ChangeOutcome, ChangeRequest, EarlyReceipt } from '../../src/store/changes.ts'
import type { ConversationOutcome, ConversationRequest, NewConversation } from '../../src/store/conversations.ts'
import type { NewInbound, Noted, ProviderKey } from '../../src/store/inbound.ts'
import type { AcceptOutcome, NewMessage } from '../../src/store/messages.ts'
import type { HeldLine } from '../../src/store/nodes.ts'
import type { Begin, ClaimedLane, ClaimOptions, Finish } from '../../src/store/outbox.ts'
import type { NewChoice } from '../../src/store/people/opt-outs.ts'
import { countingMint, createClock } from './clock.ts'
import { createScheduler } from './scheduler.ts'

/** What both can do. */
export interface Ledger {
  accept(batch: readonly NewMessage[]): Promise<AcceptOutcome[]>
  claim(options: ClaimOptions): Promise<ClaimedLane[]>
  begin(batch: readonly Begin[]): Promise<Set<number>>
  finish(batch: readonly Finish[]): Promise<boolean>
  change(request: ChangeRequest): Promise<ChangeOutcome>
  message(customerId: CustomerId, id: MessageId): Promise<Message | null>
  storeInbound(batch: readonly NewInbound[]): Promise<Set<MessageId>>
  storeChoice(message: NewInbound, event: NewChoice): Promise<boolean>
  choose(customerId: CustomerId, event: NewChoice): Promise<boolean>
  optedOut(customerId: CustomerId): Promise<readonly string[]>
  noteReceipt(key: ProviderKey, receipt: EarlyReceipt): Promise<Noted | null>
  find(key: ProviderKey): Promise<MessageId | null>
  ensureConversation(fresh: NewConversation): Promise<Conversation>
  changeConversation(request: ConversationRequest): Promise<ConversationOutcome>
  tellOnce(customerId: CustomerId, event: NewEvent, once: { key: string; forMs: number }): Promise<boolean>
  forgetTold(rowsMax: number): Promise<number>
  register(): Promise<number>
  /** The process's connection ends. */
  die(node: number): Promise<void>
  beat(node: number): Promise<boolean>
  bury(node: number, leaseMs: number): Promise<number[]>
  renewLanes(node: number, fences: readonly number[], leaseMs: number): Promise<Set<number>>
  renewLines(node: number, leaseMs: number): Promise<HeldLine[]>
  takeLines(node: number, leaseMs: number): Promise<HeldLine[]>
  releaseLine(node: number, line: { id: LineId; epoch: number }): Promise<void>
  leave(node: number): Promise<void>
  advance(ms: number): Promise<void>
  /** Nobody is left connected. */
  end(): Promise<void>
  /** Everything that is stored, with fences as `fence` names them. */
  dump(fence: (number: number | null) => string | null): Promise<object>
}

/** A ledger, and what its caller remembers of it. */
export interface Side {
  ledger: Ledger
  claims: ClaimedLane[]
  mint: Mint
}

/** Claims are counted from the latest back. */
export type Operation =
  | { do: 'accept'; batch: readonly NewMessage[] }
  | { do: 'claim'; node: number; headsMax: number; lineId: LineId; customerId: CustomerId }
  | { do: 'begin'; claim: number; head: number }
  | {
      do: 'fail'
      claim: number
      head: number
      isBegun: boolean
      dedupes: boolean
      asks: boolean
      /** It is what the network answers when it is asked. */
      isAnswer: boolean
      failure: Failing['failure']
    }
  | { do: 'succeed'; claim: number; head: number; isEcho: boolean; key: ProviderKey; conversation: Conversation }
  | { do: 'receipt'; key: ProviderKey; receipt: EarlyReceipt }
  | { do: 'finish'; claim: number; holdMs: number | null }
  | { do: 'retry' | 'cancel'; customerId: CustomerId; id: MessageId }
  | { do: 'inbound'; message: NewInbound }
  | { do: 'find'; key: ProviderKey }
  | { do: 'choose'; customerId: CustomerId; event: NewChoice; message: NewInbound | null }
  | { do: 'change chat'; chat: NewConversation; change: ChatChange; origin: Origin; notice: string }
  | { do: 'ask chat' | 'refuse chat'; chat: NewConversation; change: ChatChange }
  | { do: 'message in chat'; chat: NewConversation; roster: Roster }
  | { do: 'tell once'; customerId: CustomerId; key: string; forMs: number }
  | { do: 'forget' }
  | { do: 'register' }
  | { do: 'beat' | 'die' | 'take lines' | 'renew lines' | 'leave'; node: number }
  | { do: 'bury'; node: number; leaseMs: number }
  | { do: 'renew lanes'; node: number }
  | { do: 'release line'; node: number; line: { id: LineId; epoch: number } }
  | { do: 'advance'; ms: number }

const leaseMs = 30_000

/** Fences are drawn in whatever order a statement visits its lanes; a claim is known by its place among all. */
export function fenceNames({ claims }: Side): (number: number | null) => string | null {
  return (number) => {
    const place = claims.findIndex((claim) => claim.fence === number)
    return place < 0 ? null : `claim ${place}`
  }
}

export async function perform(side: Side, operation: Operation): Promise<unknown> {
  const { ledger } = side
  const named = fenceNames(side)
  switch (operation.do) {
    case 'accept':
      return ledger.accept(operation.batch)
    case 'claim':
      return claim(side, operation)
    case 'begin': {
      const at = headAt(side, operation)
      if (at === null) return null
      const { lane, head } = at
      return (await ledger.begin([{ key: lane, fence: lane.fence, seq: head.work.seq, tries: head.work.tries }])).size
    }
    case 'finish': {
      const lane = side.claims.at(-1 - operation.claim)
      return lane === undefined ? null : ledger.finish([{ key: lane, fence: lane.fence, holdMs: operation.holdMs }])
    }
    case 'fail':
    case 'succeed':
    case 'receipt':
      return outcomeOf(await settle(side, operation), named)
    case 'retry':
    case 'cancel':
      return revise(side, operation)
    case 'inbound':
      return [...(await ledger.storeInbound([operation.message]))]
    case 'find':
      return ledger.find(operation.key)
    case 'choose':
      return choose(ledger, operation)
    case 'change chat':
    case 'ask chat':
    case 'refuse chat':
    case 'message in chat':
      return tellChat(side, operation)
    case 'tell once':
    case 'forget':
      return tell(side, operation)
    case 'advance':
      return ledger.advance(operation.ms)
    default:
      return performOfNodes(side, operation)
  }
}

async function choose(ledger: Ledger, operation: Operation & { do: 'choose' }): Promise<unknown> {
  const { customerId, event, message } = operation
  const done = message === null ? await ledger.choose(customerId, event) : await ledger.storeChoice(message, event)
  return { done, optedOut: [...(await ledger.optedOut(customerId))].sort() }
}

type Telling = Extract<Operation, { do: 'tell once' | 'forget' }>

async function tell({ ledger, mint }: Side, operation: Telling): Promise<unknown> {
  if (operation.do === 'forget') return ledger.forgetTold(1_000)
  const { customerId, key, forMs } = operation
  const data = { messageId: null } as never
  const event = { id: mint() as EventId, type: 'message.reaction', correlationId: null, data } as const
  return ledger.tellOnce(customerId, event, { key, forMs })
}

type OfChats = Extract<Operation, { do: 'change chat' | 'ask chat' | 'refuse chat' | 'message in chat' }>

async function tellChat({ ledger, mint }: Side, operation: OfChats): Promise<unknown> {
  const { chat } = operation
  const { id, customerId, lineId, channel, chat: name } = chat
  await ledger.ensureConversation(chat)
  const mine = { customerId, of: { id } }
  if (operation.do === 'message in chat')
    return ledger.changeConversation(rosterTold(mine, operation.roster, null, mint))
  if (operation.do === 'ask chat') return ledger.changeConversation(asking(mine, operation.change))
  if (operation.do === 'refuse chat') return ledger.changeConversation(refused(mine, operation.change))
  if (operation.do !== 'change chat') return null
  const { change, origin, notice } = operation
  const of = origin === 'caller' ? mine : { customerId, of: { lineId, channel, chat: name } }
  const named = origin === 'caller' ? null : { id: notice, externalId: null }
  const news = { of, change, origin, actor: null, to: null, notice: named }
  return ledger.changeConversation(chatChange(news, mint))
}

type OfNodes = Extract<
  Operation,
  { do: 'register' | 'beat' | 'die' | 'take lines' | 'renew lines' | 'leave' | 'bury' | 'renew lanes' | 'release line' }
>

async function performOfNodes({ ledger, claims }: Side, operation: OfNodes): Promise<unknown> {
  switch (operation.do) {
    case 'register':
      return ledger.register()
    case 'beat':
      return ledger.beat(operation.node)
    case 'die':
      return ledger.die(operation.node)
    case 'leave':
      return ledger.leave(operation.node)
    case 'take lines':
      return sortedLines(await ledger.takeLines(operation.node, leaseMs / 2))
    case 'renew lines':
      return sortedLines(await ledger.renewLines(operation.node, leaseMs / 2))
    case 'bury':
      return (await ledger.bury(operation.node, operation.leaseMs)).sort((one, other) => one - other)
    case 'renew lanes': {
      const kept = await ledger.renewLanes(
        operation.node,
        claims.map((one) => one.fence),
        leaseMs,
      )
      return claims.map((one) => kept.has(one.fence))
    }
    case 'release line':
      return ledger.releaseLine(operation.node, operation.line)
  }
}

function sortedLines(lines: HeldLine[]): HeldLine[] {
  return lines.sort((one, other) => (one.id < other.id ? -1 : 1))
}

async function claim(
  side: Side,
  { node, headsMax, customerId, lineId }: Operation & { do: 'claim' },
): Promise<unknown> {
  const lanes = await side.ledger.claim({ lines: [{ customerId, lineId }], node, lanesMax: 10, headsMax, leaseMs })
  const sorted = lanes.sort((one, other) => (one.lane < other.lane ? -1 : 1))
  side.claims.push(...sorted)
  const named = fenceNames(side)
  return sorted.map(({ lane, heads }) => ({
    lane,
    heads: heads.map(({ message, work }) => ({ message, work: { ...work, seq: 0, run: named(work.run) } })),
  }))
}

function headAt({ claims }: Side, place: { claim: number; head: number }) {
  const lane = claims.at(-1 - place.claim)
  const head = lane?.heads[place.head]
  return lane === undefined || head === undefined ? null : { lane, head }
}

type Settling = Extract<Operation, { do: 'fail' | 'succeed' | 'receipt' }>

async function settle(side: Side, operation: Settling): Promise<ChangeOutcome> {
  const { ledger, mint } = side
  if (operation.do === 'receipt') {
    const { key, receipt } = operation
    const noted = await ledger.noteReceipt(key, receipt)
    if (noted === null) return null
    const { messageId } = noted
    const { customerId } = key
    return ledger.change({
      customerId,
      messageId,
      named: null,
      decide: (state) => receiptChange(state, receipt, null, mint),
    })
  }
  const at = headAt(side, operation)
  if (at === null) return null
  const { message, work } = at.head
  const { customerId, id } = message
  if (operation.do === 'succeed') {
    const { key, conversation, isEcho } = operation
    const accepted = {
      channel: work.channel,
      providerId: key.providerId,
      conversation,
      run: isEcho ? null : at.lane.fence,
    }
    const named = { lineId: message.lineId, channel: work.channel, providerId: key.providerId }
    return ledger.change({ customerId, messageId: id, named, decide: (state) => acceptedChange(state, accepted, mint) })
  }
  const begun = operation.isBegun ? { run: at.lane.fence, tries: work.tries + 1 } : { run: work.run, tries: work.tries }
  const { failure, dedupes, asks, isAnswer } = operation
  const answers = isAnswer ? { answers: clientRef(id, work.channel, message.retryCount) } : {}
  const failing = { failure, dedupesByRef: dedupes, asks, ...begun, ...answers }
  return ledger.change({
    customerId,
    messageId: id,
    named: null,
    decide: (state) => failedChange(state, failing, null, mint),
  })
}

function outcomeOf(outcome: ChangeOutcome, named: (fence: number | null) => string | null): unknown {
  if (outcome === null) return null
  const { changed, before, after } = outcome
  const work = before.work === null ? null : { ...before.work, seq: 0, run: named(before.work.run) }
  return { changed, after, before: { ...before, work } }
}

async function revise({ ledger, mint }: Side, operation: Operation & { do: 'retry' | 'cancel' }): Promise<unknown> {
  const scheduler = createScheduler({ quietUntil: () => 0, skipped: () => undefined })
  const revisions = createRevisions({
    clock: createClock({ scheduler }),
    mint,
    change: ledger.change,
    message: ledger.message,
    conversation: () => Promise.resolve(null),
    act: () => Promise.reject(new Error('not used')),
    told: () => undefined,
  })
  try {
    return await revisions[operation.do](operation.customerId, operation.id)
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

export function createSide(ledger: Ledger): Side {
  return { ledger, claims: [], mint: countingMint() }
}
