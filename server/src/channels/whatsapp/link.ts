/** A line's link to WhatsApp: who is written to under which name, what goes out in which turn, and what is heard. */
import { generateMessageIDV2, jidNormalizedUser } from 'baileys'
import { createSafeFetch, type SafeFetch } from '../../lib/egress/safe-fetch.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { Handle } from '../../model/ids.ts'
import type { Accepted, Host, Outgoing, Quoted } from '../connector.ts'
import { whatsappCapabilities } from './capabilities.ts'
import type { LinkTools } from './connector.ts'
import { earOf, usIn } from './ear.ts'
import { createGroupBook, type GroupBook } from './groups/group-book.ts'
import { fetchGroup, type GroupVerbs, groupVerbs } from './groups/groups.ts'
import { Hearing } from './hearing.ts'
import { mendLibrary } from './library/mends.ts'
import type { WhatsappSettings } from './line.ts'
import { addressOf, chatOf, isGroup, isUs, keyOfTarget, nameIn, pairOf } from './names.ts'
import { createPairs } from './receiving/pairs.ts'
import { contentOf, messagesIn } from './sending/contents.ts'
import { failureOf, notConnected } from './sending/failures.ts'
import { Sender } from './sending/sender.ts'
import { type MessageVerbs, messageVerbs } from './sending/verbs.ts'
import { Watching } from './sending/watching.ts'
import { ageingCache, type Cache } from './session/caches.ts'
import type { Ground } from './session/ground.ts'
import { type Receiving, Session, type Up } from './session/session.ts'

export interface LinkParts {
  tools: LinkTools
  settings: WhatsappSettings
  host: Host
}

/** Verbs have no limit of their own from the gateway. */
const verbWithinMs = 20_000
const numberServer = '@s.whatsapp.net'

export class WhatsappLink {
  readonly #parts: LinkParts
  readonly #session: Session
  readonly #sender = new Sender()
  readonly #watching: Watching
  readonly #book: GroupBook
  readonly #pairs = createPairs()
  readonly #lastHeard: Cache
  #fetch: SafeFetch | null = null
  #ground: Ground | null = null

  constructor(parts: LinkParts) {
    mendLibrary()
    this.#parts = parts
    const { tools, settings, host } = parts
    this.#watching = new Watching(host.log)
    this.#lastHeard = ageingCache({ now: () => tools.clock.monotonic(), ageMs: 7 * 86_400_000, entriesMax: 5_000 })
    this.#book = createGroupBook({
      clock: tools.clock,
      fetch: (chat) => fetchGroup(this.#up().live.socket, chat),
      isUs: (jid) => this.#ground !== null && isUs(nameIn(jid), usIn(this.#ground)),
      numberOf: (lid) => this.#up().live.socket.signalRepository.lidMapping.getPNForLID(lid),
      paired: (people) => this.#tellPairs(people),
    })
    this.#session = new Session({
      ...{ settings, host, clock: tools.clock, chance: tools.chance, devicesMs: tools.devicesMs },
      receive: (ground, up, signal) => this.#receive(ground, up, signal),
    })
  }

  start(): Promise<void> {
    return this.#session.start()
  }

  async stop(): Promise<void> {
    await this.#session.stop()
    await this.#fetch?.close()
    this.#fetch = null
  }

  forget(): Promise<void> {
    return this.#session.forget()
  }

  pairingCode(phone: Handle): Promise<string> {
    return this.#session.pairingCode(phone)
  }

  async reach(handle: Handle): Promise<'yes' | 'no' | 'unknown'> {
    const up = this.#session.up
    if (up === null || !handle.startsWith('+')) return 'unknown'
    // A question that WhatsApp leaves open is no answer.
    const found = await up.live.socket.onWhatsApp(addressOf(handle)).catch(() => undefined)
    return found === undefined ? 'unknown' : found.some(({ exists }) => exists) ? 'yes' : 'no'
  }

  turn(message: Outgoing): number {
    const { ref, to } = message
    const chat = chatOf('chat' in to ? to.chat : to.handle)
    if (this.#ground === null || chat === null) return 0
    return this.#ground.acquaintances.turn({ ref, chat, isGroup: isGroup(chat), parts: messagesIn(message) })
  }

  send(message: Outgoing, signal: AbortSignal): Promise<Accepted> {
    return this.#send(message, signal).catch((error: unknown) => {
      throw failureOf(error, { what: 'take the message' })
    })
  }

  async #send(message: Outgoing, signal: AbortSignal): Promise<Accepted> {
    const up = this.#up()
    const name = 'chat' in message.to ? message.to.chat : message.to.handle
    const jid = await this.#addressOf(up, name)
    const chat = chatOf(name)
    if (chat === null) throw new SendFailure('refused', 'CONVERSATION_NOT_FOUND', 'WhatsApp has no such chat.')
    refuseTooLarge(message)
    const parts = contentOf(message, {
      jid,
      quoted: await quoted(up.ground, message.replyTo),
      expiration: await up.ground.expiries.of(chat),
      ...(isGroup(chat) && { memberJid: await this.#membersOf(chat) }),
    })
    await this.#sender.send(up, jid, parts, signal)
    this.#watch(up, jid)
    const [first, ...more] = parts.map(({ id }) => id as Accepted['providerId'])
    if (first === undefined) throw new SendFailure('refused', 'CONTENT_NOT_SUPPORTED', 'There is nothing to send.')
    return { providerId: first, chat, ...(more.length > 0 && { parts: [first, ...more] }) }
  }

  verbs(): MessageVerbs {
    const up = this.#up()
    const { socket } = up.live
    const verbs = messageVerbs({
      socket,
      say: (jid, content) =>
        this.#inTime((signal) => this.#sender.say(up, jid, { content, id: generateMessageIDV2(), signal })),
      addressOf: (chat) => this.#addressOf(up, chat),
      lastHeard: (chat) => this.#lastHeard.get<Accepted['providerId']>(chat) ?? null,
    })
    return {
      markRead: verbs.markRead,
      // That somebody types is shown of those only who are there.
      setTyping: async (chat, isTyping, how) => {
        const isHidden = !this.#parts.settings.markOnline
        if (isHidden && isTyping) await socket.sendPresenceUpdate('available')
        await verbs.setTyping(chat, isTyping, how)
        if (isHidden && !isTyping) await socket.sendPresenceUpdate('unavailable')
      },
      react: (target, reaction) =>
        verbs.react(target, reaction).catch((error: unknown) => {
          if (!(error instanceof SendFailure) || error.code !== 'WHATSAPP_REJECTED') throw error
          throw new SendFailure(error.kind, 'WHATSAPP_REACTION_FAILED', error.message)
        }),
    }
  }

  groups(): GroupVerbs {
    const { asJpeg } = this.#parts.tools
    const up = this.#up()
    const verbs = groupVerbs({ socket: up.live.socket, book: this.#book, asJpeg })
    return {
      ...verbs,
      createGroup: async (name, members) => {
        await this.#introduce(up, members)
        return verbs.createGroup(name, members)
      },
      addMember: async (chat, member) => {
        await this.#introduce(up, [member])
        await verbs.addMember(chat, member)
      },
    }
  }

  #up(): Up {
    const { up } = this.#session
    if (up === null) throw notConnected()
    return up
  }

  async #inTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const [late, done] = [new AbortController(), new AbortController()]
    const timer = this.#parts.tools.clock.sleep(verbWithinMs, done.signal).then(() => late.abort())
    try {
      await work(late.signal)
    } finally {
      done.abort()
      await timer
    }
  }

  /** People are written to under the name their sessions are kept under; a number alone finds no session. */
  async #addressOf({ live }: Up, name: string): Promise<string> {
    const jid = addressOf(name as Handle)
    if (!jid.endsWith(numberServer)) return jid
    const lid = await live.socket.signalRepository.lidMapping.getLIDForPN(jid)
    if (lid !== null) return jidNormalizedUser(lid)
    const found = (await live.socket.onWhatsApp(jid)) ?? []
    if (found.some(({ exists }) => exists)) return jid
    throw new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'This number is not on WhatsApp.')
  }

  /** Who shows as offline is shown nothing. */
  #watch({ live }: Up, jid: string): void {
    if (this.#parts.settings.markOnline && !isGroup(jid)) this.#watching.watch(live.socket, jid)
  }

  async #watchChat(chat: string): Promise<void> {
    const { up } = this.#session
    if (up === null) return
    // Who cannot be found now is watched with the next message.
    const jid = await this.#addressOf(up, chat).catch(() => null)
    if (jid !== null) this.#watch(up, jid)
  }

  async #membersOf(chat: string): Promise<(handle: Handle) => string | null> {
    const { participants } = await this.#book.metadata(chat)
    return (handle) => {
      const jid = addressOf(handle)
      return participants.find(({ id, lid, phoneNumber }) => [id, lid, phoneNumber].includes(jid))?.id ?? null
    }
  }

  async #receive(ground: Ground, up: () => Up | null, signal: AbortSignal): Promise<Receiving> {
    const { tools, settings, host } = this.#parts
    this.#ground = ground
    this.#fetch ??= this.#openFetch()
    const fetch = this.#fetch
    const ear = earOf({ ground, up, fetch, settings, ...{ clock: tools.clock, pairs: this.#pairs, book: this.#book } })
    const hearing = new Hearing({
      ...{ host, clock: tools.clock, signal, ear, expiries: ground.expiries },
      wrote: ({ chat, providerId, group }) => {
        this.#lastHeard.set(chat, providerId)
        if (group !== null) return
        ground.acquaintances.heard(chat)
        void this.#watchChat(chat)
      },
      forgetGroup: (chat) => this.#book.forget(chat),
    })
    return {
      heard: (message) => hearing.message(message),
      group: (chat) => this.#book.metadata(chat),
      taps: {
        answered: (node) => this.#sender.answered(node),
        receipt: (node) => hearing.receipt(node),
        notice: (node) => hearing.notice(node),
        chatState: (node) => void hearing.chatState(node),
      },
    }
  }

  /** Groups may name by their LID alone whom we add by their number. */
  async #introduce({ live }: Up, members: readonly Handle[]): Promise<void> {
    const jids = members.filter((handle) => handle.startsWith('+')).map((handle) => addressOf(handle))
    // Whoever is not found is not on WhatsApp, and the group will say so.
    const found = await live.socket.signalRepository.lidMapping.getLIDsForPNs(jids).catch(() => null)
    await this.#tellPairs((found ?? []).map(({ pn, lid }) => [pn, lid] as const))
  }

  /** So that nobody stands in a group who is known by another name here. */
  async #tellPairs(people: readonly (readonly [string, string | null | undefined])[]): Promise<void> {
    const ground = this.#ground
    if (ground === null) return
    const us = usIn(ground)
    for (const event of this.#pairs.news(...people.map(([jid, other]) => pairOf(us, jid, other)))) {
      await this.#parts.host.receive(event)
      this.#pairs.told(event)
    }
  }

  /** A loopback network has a certificate of its own, and is nowhere else. */
  #openFetch(): SafeFetch {
    const { tools, settings } = this.#parts
    if (settings.trust === null) return { ...tools.media, close: async () => {} }
    return createSafeFetch({ clock: tools.clock, policy: 'loopback', own: () => [], ca: settings.trust.ca })
  }
}

/** Before anything is uploaded, so that another channel may take it. */
function refuseTooLarge({ attachments }: Outgoing): void {
  const { media, tooLargeCode } = whatsappCapabilities
  const large = attachments.find(({ kind, bytes }) => bytes > media[kind].bytesMax)
  if (large === undefined) return
  const most = Math.floor(media[large.kind].bytesMax / (1024 * 1024))
  throw new SendFailure('refused', tooLargeCode, `WhatsApp takes no ${large.kind} of more than ${most} MiB.`)
}

/** As it was sent, if we still have it; phones show nothing else. */
async function quoted(ground: Ground, replyTo: Quoted | null) {
  if (replyTo === null) return null
  const id = keyOfTarget(replyTo)?.id
  const ours = replyTo.fromMe && id !== undefined ? await ground.sent.find(id) : undefined
  return ours ?? (replyTo.text === null ? null : { conversation: replyTo.text })
}
