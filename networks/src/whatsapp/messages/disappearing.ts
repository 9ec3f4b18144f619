/** Chats whose messages disappear: who set that, and the messages that follow, which say so themselves. */
import { normalizeMessageContent, proto } from 'baileys'
import type { Group } from '../groups/group.ts'
import type { Party, Timer } from '../party/party.ts'

const { EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type

export function settingOf({ seconds, at }: Timer): proto.IMessage {
  return {
    protocolMessage: { type: EPHEMERAL_SETTING, ephemeralExpiration: seconds, ephemeralSettingTimestamp: at },
  }
}

/** In a chat of two both phones go by what either of them has set last. */
export function noteSetting(message: proto.IMessage, chat: readonly [Party, Party], at: number): void {
  const said = normalizeMessageContent(message)?.protocolMessage
  if (said?.type !== EPHEMERAL_SETTING) return
  const [one, other] = chat
  const timer = { seconds: said.ephemeralExpiration ?? 0, at }
  one.timers.set(other.number, timer)
  other.timers.set(one.number, timer)
}

/** As it is written in this chat now. */
export function timed(message: proto.IMessage, from: Party, to: Party | Group): proto.IMessage {
  const { seconds, at } = timerOf(from, to)
  if (seconds === 0) return message
  const context = { expiration: seconds, ...(at > 0 && { ephemeralSettingTimestamp: at }) }
  const { conversation } = message
  if (conversation) return { extendedTextMessage: { text: conversation, contextInfo: context } }
  return Object.fromEntries(
    Object.entries(message).map(([field, content]) => {
      if (typeof content !== 'object' || content === null || !lasting.has(field)) return [field, content]
      const { contextInfo } = content
      return [field, { ...content, contextInfo: { ...context, ...contextInfo } }]
    }),
  )
}

/** What disappears; reactions and the like do with the message that they are about. */
const lasting = new Set([
  'extendedTextMessage',
  'imageMessage',
  'videoMessage',
  'audioMessage',
  'documentMessage',
  'stickerMessage',
  'locationMessage',
  'contactMessage',
  'contactsArrayMessage',
])

function timerOf(from: Party, to: Party | Group): Timer {
  if ('members' in to) return { seconds: to.expiration, at: 0 }
  return from.timers.get(to.number) ?? { seconds: 0, at: 0 }
}
