/** What is done to messages and chats besides sending: reactions, corrections, typing, having read. */
import type { AnyMessageContent, WASocket } from 'baileys'
import { SendFailure } from '../../../model/delivery.ts'
import type { ProviderChatId, ProviderMessageId } from '../../../model/ids.ts'
import type { Actions, Target } from '../../connector.ts'
import { keyOfTarget } from '../names.ts'
import { failureOf, notConnected } from './failures.ts'

export interface VerbTools {
  socket: Pick<WASocket, 'sendPresenceUpdate' | 'readMessages'> & { ws: { readonly isOpen: boolean } }
  /** Sends it and waits until WhatsApp has taken it; fails like `Connection.send`. */
  say(jid: string, content: AnyMessageContent): Promise<void>
  /** Under which of their names somebody is written to. */
  addressOf(chat: ProviderChatId): Promise<string>
  /** What somebody else wrote there last. */
  lastHeard(chat: ProviderChatId): ProviderMessageId | null
}

export type MessageVerbs = Pick<Actions, 'react' | 'setTyping' | 'markRead'>

/** The reactions that callers name by a word; any other is taken for an emoji. */
const emojis: ReadonlyMap<string, string> = new Map([
  ['love', '❤️'],
  ['like', '👍'],
  ['dislike', '👎'],
  ['laugh', '😂'],
  ['emphasize', '‼️'],
  ['question', '❓'],
])

export function messageVerbs(tools: VerbTools): MessageVerbs {
  const { socket, say, addressOf } = tools
  /** The message as it is called in the chat that it is said in. */
  const about = async (target: Target) => {
    const remoteJid = await addressOf(target.chat)
    const key = keyOfTarget(target)
    if (key === null) throw new SendFailure('refused', 'MISSING_WHATSAPP_JID', 'WhatsApp knows no such message here.')
    return { remoteJid, key: { ...key, remoteJid } }
  }
  const signal = async (what: string, run: () => Promise<void>) => {
    if (!socket.ws.isOpen) throw notConnected()
    await run().catch((error: unknown) => {
      throw failureOf(error, { what, harmless: true })
    })
  }
  return {
    async react(target, reaction) {
      const { remoteJid, key } = await about(target)
      const text = reaction === null ? '' : (emojis.get(reaction) ?? reaction)
      await say(remoteJid, { react: { text, key } })
    },
    setTyping: (chat, isTyping, how) =>
      signal('show that you type', async () =>
        socket.sendPresenceUpdate(isTyping ? (how ?? 'composing') : 'paused', await addressOf(chat)),
      ),
    markRead: (chat, providerId) =>
      signal('tell them that it was read', async () => {
        const read = providerId ?? tools.lastHeard(chat)
        // Nobody has written there since the link was started: what was read before is read.
        if (read === null) return
        const { key } = await about({ chat, providerId: read, fromMe: false })
        await socket.readMessages([key])
      }),
  }
}
