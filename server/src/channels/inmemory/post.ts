/** The post office of the in-memory network: takes one message of a line, or fails it, and lets it reach its people. */
import { createHash } from 'node:crypto'
import type { Channel } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { ClientRef, Handle, ProviderChatId, ProviderMessageId } from '../../model/ids.ts'
import type { Accepted, IncomingMedia, IncomingMessage, Outcome, Outgoing, ReceiptStatus } from '../connector.ts'
import { traits } from './capabilities.ts'
import { directChat, groupFor, handleOfChat, infoOf } from './chats.ts'
import { type ArrivedFile, chatKey, type Exchange, type Group, type LinkEnd } from './exchange.ts'
import type { Place } from './faults.ts'
import type { Behaviour } from './people.ts'

/** The call is never answered: whoever made it waits until they give up. */
export const silence = Symbol('silence')

/** When the caller will have its answer, counted from now. `early`: echo and receipts come before it. */
export interface Timing {
  answerInMs: number
  early: boolean
}

/** How far a send gets. */
export interface Passage {
  left(): void
  /** It left and never arrives. */
  lost(): void
}

/** Who a message is for: one person, or a group. */
interface Destination {
  chat: ProviderChatId
  to: Handle | ProviderChatId
  people: readonly Handle[]
  group: Group | null
}

const echoAfterMs = 10

export type Carried = Omit<Outgoing, 'attachments'> & { attachments: readonly ArrivedFile[] }

export async function carried(message: Outgoing): Promise<Carried> {
  const attachments: ArrivedFile[] = []
  for (const { open, linkFor: _, ...file } of message.attachments) {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const piece of await open()) {
      hash.update(piece)
      bytes += (piece as Buffer).length
    }
    attachments.push({ ...file, bytes, sha256: hash.digest('hex') })
  }
  return { ...message, attachments }
}

function accept(exchange: Exchange, from: Place, message: Carried, timing: Timing): Accepted | typeof silence {
  const refKey = chatKey(from.channel, from.line, message.ref)
  const known = exchange.accepted.get(refKey)
  if (known !== undefined) return known
  refuseWhatDoesNotFit(exchange, from.channel, message)
  const destination = destinationOf(exchange, from, message.to)
  const person = destination.group === null ? destination.people[0] : undefined
  if (person !== undefined && behaves(exchange, from, { person, message, refKey }) === silence) return silence

  const providerId = exchange.mint(from.channel)
  const accepted = { providerId, chat: destination.chat }
  // Where the network does not dedupe it forgets the ref at once, and a second send is a second message.
  if (exchange.options.capabilities[from.channel].dedupesByRef) exchange.remember(exchange.accepted, refKey, accepted)
  exchange.tries.delete(refKey)
  const { ref, text, attachments, effect, replyTo, mentions, location } = message
  exchange.log({
    ...from,
    ...accepted,
    to: destination.to,
    ref,
    text,
    attachments,
    effect,
    replyTo,
    mentions,
    location,
  })
  exchange.note({ ...accepted, ...from, fromMe: true })
  scheduleEcho(exchange, from, { message, accepted, destination, timing })
  scheduleDelivery(exchange, from, { message, accepted, destination, timing })
  return accepted
}

/** What a send under this ref leaves behind for those who ask; null where nobody can. */
export function passageOf(exchange: Exchange, link: LinkEnd, ref: ClientRef): Passage | null {
  if (!exchange.options.knowsOutcomes.has(link.channel)) return null
  const put = (outcome: Outcome) => putOutcome(exchange, link, ref, outcome)
  return {
    left: () => put({ what: 'open' }),
    lost: () => put({ what: 'failed', failure: neverCame(link.channel) }),
  }
}

/** Accepts, and remembers how that went. Whoever is met with silence never learns it, however often they ask. */
export function acceptAndKnow(
  exchange: Exchange,
  link: LinkEnd,
  message: Carried,
  timing: Timing,
): Accepted | typeof silence {
  const { channel, line } = link
  if (!exchange.options.knowsOutcomes.has(channel)) return accept(exchange, { channel, line }, message, timing)
  try {
    const accepted = accept(exchange, { channel, line }, message, timing)
    if (accepted !== silence) putOutcome(exchange, link, message.ref, { what: 'sent', accepted })
    return accepted
  } catch (error) {
    if (error instanceof SendFailure) putOutcome(exchange, link, message.ref, { what: 'failed', failure: error })
    throw error
  }
}

function putOutcome(exchange: Exchange, { channel, line }: Place, ref: ClientRef, outcome: Outcome): void {
  const key = chatKey(channel, line, ref)
  exchange.remember(exchange.traces, key, { told: null, ...exchange.traces.get(key), outcome })
}

function neverCame(channel: Channel): SendFailure {
  return new SendFailure('retryable', traits[channel].codes.send, 'It never came to the network.')
}

/** Whoever is told that nothing will come under this ref can rely on it: what an earlier link still holds is refused. */
export function whatBecameOf(exchange: Exchange, link: LinkEnd, ref: ClientRef): Outcome {
  const key = chatKey(link.channel, link.line, ref)
  const outcome = exchange.traces.get(key)?.outcome ?? { what: 'failed', failure: neverCame(link.channel) }
  if (outcome.what === 'failed')
    exchange.remember(exchange.traces, key, { outcome, told: { to: link, before: exchange.linksNumbered } })
  return outcome
}

export function refuseWhatIsOver(exchange: Exchange, link: LinkEnd, ref: ClientRef): SendFailure | null {
  const told = exchange.traces.get(chatKey(link.channel, link.line, ref))?.told ?? null
  if (told === null || told.to === link || link.number > told.before) return null
  return new SendFailure('retryable', traits[link.channel].codes.link, 'Another link was told that this is over.', {
    scope: 'link',
  })
}

function refuseWhatDoesNotFit(exchange: Exchange, channel: Channel, message: Carried): void {
  const capabilities = exchange.options.capabilities[channel]
  const refuse = (what: string) => {
    throw new SendFailure('refused', 'CONTENT_NOT_SUPPORTED', `This network does not carry ${what}.`)
  }
  const carries = (feature: keyof typeof capabilities.features) =>
    capabilities.features[feature] === 'native' || capabilities.features[feature] === 'adapted'
  if (message.text !== null && message.text.length > capabilities.textLengthMax) refuse('so long a text')
  if (message.effect !== null && !carries('effect')) refuse('effects')
  if (message.replyTo !== null && !carries('reply')) refuse('replies')
  if (message.mentions.length > 0 && !carries('mention')) refuse('mentions')
  if (message.location !== null && !carries('location')) refuse('locations')
  for (const { kind, bytes, voiceNote } of message.attachments) {
    const { support, bytesMax } = capabilities.media[kind]
    if (support === 'refused' || support === 'dropped') refuse(`a file of the kind ${kind}`)
    if (voiceNote && !carries('voiceNote')) refuse('voice notes')
    if (bytes <= bytesMax) continue
    throw new SendFailure('refused', capabilities.tooLargeCode, `${bytes} bytes are too many; ${bytesMax} are taken.`)
  }
  if (message.text === null && message.attachments.length === 0 && message.location === null) refuse('empty messages')
}

function destinationOf(exchange: Exchange, from: Place, to: Outgoing['to']): Destination {
  const handle = 'handle' in to ? to.handle : handleOfChat(from.channel, to.chat)
  if (handle !== null) return { chat: directChat(from.channel, handle), to: handle, people: [handle], group: null }
  const chat = 'chat' in to ? to.chat : null
  if (chat === null || !exchange.options.capabilities[from.channel].groups) {
    throw new SendFailure('unreachable', 'CONVERSATION_NOT_FOUND', 'This network knows no such chat.')
  }
  const group = groupFor(exchange, from.line, chat)
  const people = [...group.members.keys()].filter((member) => member !== from.line)
  return { chat, to: chat, people, group }
}

/** Fails the send the way this person makes sends fail. */
function behaves(
  exchange: Exchange,
  { channel, line }: Place,
  { person, message, refKey }: { person: Handle; message: Carried; refKey: string },
): typeof silence | null {
  const { codes } = traits[channel]
  if (!exchange.options.people.isOn(person, channel)) {
    throw new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'This person is not on this network.')
  }
  const behaviour = exchange.options.people.behaviourOf(person)
  if (behaviour.neverAnswers) return silence
  if (behaviour.refusesMedia && message.attachments.length > 0) {
    const { tooLargeCode } = exchange.options.capabilities[channel]
    throw new SendFailure('refused', tooLargeCode, 'The network says that the file is too large.')
  }
  if (!isPatienceTested(behaviour)) return null
  const nowMs = exchange.options.clock.now()
  const tried = exchange.tries.get(refKey) ?? { count: 0, firstAtMs: nowMs }
  exchange.remember(exchange.tries, refKey, { ...tried, count: tried.count + 1 })
  if (tried.count < behaviour.linkFailsFirst) {
    throw new SendFailure('retryable', codes.link, `The link of ${line} failed.`, { scope: 'link' })
  }
  if (tried.count < behaviour.linkFailsFirst + behaviour.failsFirst) {
    throw new SendFailure('retryable', codes.send, 'The network is busy; the same message may work later.')
  }
  const waitMs = tried.firstAtMs + (behaviour.rateLimitedForMs ?? 0) - nowMs
  if (waitMs <= 0) return null
  throw new SendFailure('retryable', codes.rateLimited, 'Too many messages to this person.', { retryAfterMs: waitMs })
}

function isPatienceTested(behaviour: Behaviour): boolean {
  return behaviour.failsFirst > 0 || behaviour.linkFailsFirst > 0 || behaviour.rateLimitedForMs !== null
}

interface Sent {
  message: Carried
  accepted: Accepted
  destination: Destination
  timing: Timing
}

function scheduleEcho(exchange: Exchange, from: Place, { message, accepted, destination, timing }: Sent): void {
  if (!exchange.options.echoes || !traits[from.channel].echoes) return
  const { agenda } = exchange.options
  agenda.after(timing.early ? 0 : timing.answerInMs + echoAfterMs, () => {
    const { text, ref, replyTo } = message
    const group = destination.group === null ? null : infoOf(destination.group, from.line)
    exchange.tell(from.channel, from.line, accepted.chat, {
      kind: 'message',
      ...accepted,
      from: from.line as Handle,
      at: exchange.now(),
      echoOf: ref,
      text,
      attachments: [],
      replyTo: replyTo?.providerId ?? null,
      group,
    })
  })
}

function scheduleDelivery(exchange: Exchange, from: Place, sent: Sent): void {
  const { agenda, people } = exchange.options
  const { accepted, destination } = sent
  const behaviours = destination.people.map((person) => ({ person, ...people.behaviourOf(person) }))
  const bounce = behaviours.find(({ bouncesWith }) => bouncesWith !== null)
  if (bounce !== undefined) {
    const receipt: Receipt = { accepted, status: 'failed', detail: bounce.bouncesWith }
    agenda.after(bounce.deliveredAfterMs ?? 0, () => tellReceipt(exchange, from, receipt))
    return
  }
  for (const one of behaviours) {
    scheduleReceipts(exchange, from, { ...sent, ...one })
    scheduleArrival(exchange, from, { ...sent, ...one })
  }
}

/** In a group each of them tells for themselves. */
function scheduleReceipts(exchange: Exchange, from: Place, sent: Sent & Behaviour & { person: Handle }): void {
  const { agenda, capabilities, faults } = exchange.options
  const { accepted, destination, timing, person, deliveredAfterMs, readAfterMs } = sent
  if (deliveredAfterMs === null) return
  const { receipts } = capabilities[from.channel]
  const whose = destination.group === null ? {} : { from: person }
  const say = (status: ReceiptStatus) => () => tellReceipt(exchange, from, { accepted, status, detail: null, ...whose })
  const deliveredInMs = timing.early ? 0 : deliveredAfterMs
  const readInMs = readAfterMs === null || receipts.read === 'never' ? null : deliveredInMs + readAfterMs
  const isDelivered = receipts.delivered !== 'never'
  const isSwapped = readInMs !== null && isDelivered && faults.strikes('reorder', from) !== null
  if (isDelivered) agenda.after(isSwapped ? readInMs : deliveredInMs, say('delivered'))
  if (readInMs !== null) agenda.after(isSwapped ? deliveredInMs : readInMs, say('read'))
}

/** What the person does with it; if the person is a line of ours, that line is told. */
function scheduleArrival(
  exchange: Exchange,
  { channel, line }: Place,
  arrived: Sent & Behaviour & { person: Handle },
): void {
  const { person, deliveredAfterMs, writesBack, writesBackAfterMs, message, accepted, destination } = arrived
  if (deliveredAfterMs === null) return
  const { agenda } = exchange.options
  const from = line as Handle
  const group = destination.group
  if (exchange.isLine(channel, person)) {
    const chat = group?.chat ?? directChat(channel, from)
    const { text, replyTo } = message
    const incoming = {
      channel,
      chat,
      from,
      text,
      group,
      providerId: accepted.providerId,
      replyTo: replyTo?.providerId ?? null,
    }
    agenda.after(deliveredAfterMs, () => bring(exchange, person, incoming))
  }
  const text = message.text
  if (writesBack === null || text === null) return
  agenda.after(deliveredAfterMs + writesBackAfterMs, () => {
    bring(exchange, line, { channel, chat: accepted.chat, from: person, text: writesBack(text), group })
  })
}

export interface Brought {
  channel: Channel
  chat: ProviderChatId
  from: Handle
  text: string | null
  group: Group | null
  providerId?: ProviderMessageId
  replyTo?: ProviderMessageId | null
  attachments?: readonly IncomingMedia[]
}

/** Brings one message of somebody else to a line. Null when the line's box is full. */
export function bring(exchange: Exchange, line: string, brought: Brought): ProviderMessageId | null {
  const { channel, chat, from, text, group } = brought
  const providerId = brought.providerId ?? exchange.mint(channel)
  const message: IncomingMessage = {
    kind: 'message',
    providerId,
    chat,
    from,
    at: exchange.now(),
    echoOf: null,
    text,
    attachments: brought.attachments ?? [],
    replyTo: brought.replyTo ?? null,
    group: group === null ? null : infoOf(group, line),
  }
  if (!exchange.messages.has(providerId)) exchange.note({ providerId, channel, chat, line, fromMe: false })
  return exchange.tell(channel, line, chat, message) ? providerId : null
}

interface Receipt {
  accepted: Accepted
  status: ReceiptStatus
  detail: string | null
  from?: Handle
}

export function tellReceipt(exchange: Exchange, { channel, line }: Place, receipt: Receipt): boolean {
  const { accepted, ...said } = receipt
  return exchange.tell(channel, line, accepted.chat, {
    kind: 'receipt',
    providerId: accepted.providerId,
    at: exchange.now(),
    ...said,
  })
}
