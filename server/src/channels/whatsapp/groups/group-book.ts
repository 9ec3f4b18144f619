/** What is known of groups, so that neither a message to one nor one from it asks WhatsApp anew. */
import type { GroupMetadata } from 'baileys'
import type { Clock } from '../../../lib/clock.ts'
import type { ProviderChatId } from '../../../model/ids.ts'
import type { ChatInfo } from '../../connector.ts'
import { handleOf, nameIn } from '../names.ts'

export interface GroupBook {
  /** Asks WhatsApp if it is not known, or not lately; fails with SendFailure. */
  info(chat: ProviderChatId): Promise<ChatInfo>
  /** The same, as the library wants it. */
  metadata(chat: string): Promise<GroupMetadata>
  /** It has just been told. */
  keep(metadata: GroupMetadata): Promise<ChatInfo>
  /** It has changed: what is being asked for now is not kept either. */
  forget(chat: string): void
}

export interface GroupBookOptions {
  clock: Pick<Clock, 'monotonic'>
  fetch(chat: string): Promise<GroupMetadata>
  isUs(jid: string): boolean
  /** The number behind a LID as far as it is known, as a JID. */
  numberOf?(lid: string): Promise<string | null>
  /** The names under which each of its people was seen; awaited before the group is told. */
  paired?(people: readonly (readonly [string, string | null | undefined])[]): Promise<void>
}

interface Entry {
  known: Promise<{ metadata: GroupMetadata; info: ChatInfo }>
  untilMs: number
}

const groupsMax = 1_000
const keptForMs = 10 * 60_000

export function createGroupBook(options: GroupBookOptions): GroupBook {
  const { clock } = options
  /** In the order in which they were asked for. */
  const entries = new Map<string, Entry>()

  const add = (chat: string, known: Entry['known']) => {
    const entry = { known, untilMs: clock.monotonic() + keptForMs }
    entries.delete(chat)
    entries.set(chat, entry)
    const [oldest] = entries.keys()
    if (entries.size > groupsMax && oldest !== undefined) entries.delete(oldest)
    // Whoever waits for it hears of the failure; the next one asks again.
    known.catch(() => {
      if (entries.get(chat) === entry) entries.delete(chat)
    })
    return known
  }
  const get = (chat: string): Entry['known'] => {
    const entry = entries.get(chat)
    if (entry !== undefined && entry.untilMs > clock.monotonic()) return entry.known
    return add(
      chat,
      options.fetch(chat).then((metadata) => read(options, metadata)),
    )
  }

  return {
    info: async (chat) => (await get(chat)).info,
    metadata: async (chat) => (await get(chat)).metadata,
    keep: async (metadata) => (await add(metadata.id, read(options, metadata))).info,
    forget: (chat) => void entries.delete(chat),
  }
}

async function read(options: GroupBookOptions, metadata: GroupMetadata) {
  const { id, subject, participants, size = 0 } = metadata
  // Never a part of them: whoever is left out would be taken to have gone.
  const told = participants.length < size ? [] : participants
  const others = told.filter((one) => ![one.id, one.phoneNumber, one.lid].some((name) => name && options.isUs(name)))
  const members = await Promise.all(
    others.map(async ({ id: jid, phoneNumber, lid, admin }) => {
      const isLid = nameIn(jid)?.kind === 'lid'
      const other = isLid ? (phoneNumber ?? (await options.numberOf?.(jid))) : lid
      const handle = handleOf(jid, other)
      if (handle === null) return []
      return [{ pair: [jid, other] as const, handle, phoneKnown: handle.startsWith('+'), admin: admin ?? null }]
    }),
  )
  const known = members.flat()
  await options.paired?.(known.map(({ pair }) => pair))
  const info: ChatInfo = {
    chat: id as ProviderChatId,
    name: subject === '' ? null : (subject ?? null),
    members: known.map(({ pair: _, ...member }) => member),
  }
  return { metadata, info }
}
