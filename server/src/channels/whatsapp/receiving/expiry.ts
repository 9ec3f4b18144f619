/** After how long messages of a chat disappear: whatever says so, and which of two that say so counts. */
import { type BinaryNode, proto } from 'baileys'
import type { ProviderChatId } from '../../../model/ids.ts'
import { chatOf, isGroup, type Us } from '../names.ts'
import { contextIn, unwrapped } from './content.ts'
import type { Heard } from './heard.ts'
import { type Numbers, underNumber } from './numbers.ts'
import { attribute, childrenOf, type Here, personNamed, timeIn } from './stanzas.ts'
import { countIn } from './values.ts'

export interface Expiry {
  chat: ProviderChatId
  /** 0: they stay. */
  seconds: number
  /** When somebody set it so. */
  at: Date
}

const { EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type
const secondsMax = 365 * 24 * 3_600

/** What a message tells of it, our own from other devices included; null when it tells nothing. */
export async function expiryOf(
  { message, at }: Heard,
  ear: { us: Us } & Pick<Numbers, 'numberOf'>,
): Promise<Expiry | null> {
  const setting = settingIn(message.message)
  const seconds = countIn(setting?.seconds)
  if (setting === null || seconds === null || seconds > secondsMax) return null
  const chat = await placeOf(message.key, ear)
  return chat === null ? null : { chat, seconds, at: setAt(setting.since, at) }
}

/** A group's setting is told by a notification. */
export function expiryOfNotice(node: BinaryNode, { clock }: Pick<Here, 'clock'>): Expiry | null {
  const chat = chatOf(attribute(node, 'from'))
  if (chat === null || !isGroup(chat) || attribute(node, 'type') !== 'w:gp2') return null
  const deed = childrenOf(node).find(({ tag }) => tag === 'ephemeral' || tag === 'not_ephemeral')
  const seconds = deed?.tag === 'ephemeral' ? countIn(Number(attribute(deed, 'expiration') ?? '0')) : 0
  if (deed === undefined || seconds === null || seconds > secondsMax) return null
  return { chat, seconds, at: timeIn(attribute(node, 't'), clock) }
}

/** What was set earlier never counts against what was set later, in whatever order they are heard of. */
export function newerExpiry(known: Expiry | null, seen: Expiry): Expiry {
  return known !== null && known.at > seen.at ? known : seen
}

function settingIn(message: proto.IMessage | null | undefined): { seconds: unknown; since: unknown } | null {
  const { protocolMessage } = unwrapped(message)
  if (protocolMessage?.type === EPHEMERAL_SETTING)
    return { seconds: protocolMessage.ephemeralExpiration ?? 0, since: protocolMessage.ephemeralSettingTimestamp }
  const context = contextIn(message)
  return context === null ? null : { seconds: context.expiration, since: context.ephemeralSettingTimestamp }
}

/** Nothing was set after the message that tells of it; otherwise it could never be set again. */
function setAt(since: unknown, at: Date): Date {
  const seconds = countIn(since)
  return seconds !== null && seconds > 0 && seconds * 1_000 < at.getTime() ? new Date(seconds * 1_000) : at
}

async function placeOf(key: Heard['message']['key'], ear: { us: Us } & Pick<Numbers, 'numberOf'>) {
  if (isGroup(key?.remoteJid)) return chatOf(key.remoteJid)
  const person = personNamed(ear.us, key?.remoteJid, key?.remoteJidAlt)
  return person === null ? null : chatOf((await underNumber(person, ear)).handle)
}
