/** What is done to messages: tapbacks, corrections, taking back; and that we type and have read. */
import type { Actions, Target } from '../../connector.ts'
import type { Bubble, Tapback } from '../backend.ts'
import { attempt, chatOnServer, refused, unanswered, type VerbTools, verified } from './failures.ts'

export type MessageVerbs = Pick<
  Actions,
  'react' | 'edit' | 'unsend' | 'setTyping' | 'markRead' | 'markUnread' | 'focus' | 'facetime'
>

export interface MessageVerbTools extends VerbTools {
  /** All bubbles of the message that this one is of. */
  bubblesOf(guid: string): readonly string[]
}

const tapbacks: readonly Tapback[] = ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question']

export function messageVerbs(tools: MessageVerbTools): MessageVerbs {
  const { backend, bubblesOf } = tools
  const bubbleOf = async (target: Target, signal: AbortSignal): Promise<Bubble> => ({
    chat: await chatOnServer(tools, target.chat, signal),
    guid: target.providerId,
  })
  const inChat = (chat: Target['chat'], signal: AbortSignal) => chatOnServer(tools, chat, signal)
  return {
    react: (target, reaction) =>
      attempt(tools, 'REACTION_FAILED', async (signal) => {
        const bubble = await bubbleOf(target, signal)
        const tapback = reaction === null ? await ownTapback(tools, bubble, signal) : tapbackOf(reaction)
        // There is none to take back.
        if (tapback === null) return
        await backend.react(bubble, tapback, reaction === null, signal)
      }),
    edit: (target, text, fallbackText) => {
      const fallback = fallbackText ?? `Edited to “${text}”`
      const editing = attempt(tools, 'EDIT_FAILED', async (signal) =>
        backend.edit(await bubbleOf(target, signal), { text, fallback }, signal),
      )
      return verified(tools, editing, async (signal) => {
        const row = await backend.row(target.providerId, signal)
        return row !== null && row.editedAt !== null && row.text?.trim() === text.trim()
      })
    },
    unsend: async (target) => {
      const guids = bubblesOf(target.providerId)
      for (const guid of guids) {
        const isUnsent = async (signal: AbortSignal) => (await backend.row(guid, signal))?.isUnsent === true
        const unsending = attempt(tools, 'UNSEND_FAILED', async (signal) => {
          // An earlier try may have come this far, and Messages does nothing to what is taken back already.
          if (guids.length > 1 && (await isUnsent(signal))) return
          await backend.unsend({ ...(await bubbleOf(target, signal)), guid }, signal)
        })
        await verified(tools, unsending, isUnsent)
      }
    },
    setTyping: (chat, isTyping) =>
      attempt(tools, 'SERVICE_UNAVAILABLE', async (signal) =>
        backend.typing(await inChat(chat, signal), isTyping, signal),
      ),
    // A chat is read as a whole.
    markRead: (chat) =>
      attempt(tools, 'READ_FAILED', async (signal) => backend.markRead(await inChat(chat, signal), true, signal)),
    markUnread: (chat) =>
      attempt(tools, 'READ_FAILED', async (signal) => backend.markRead(await inChat(chat, signal), false, signal)),
    // What their devices are set to, they do not tell by name.
    focus: (handle) =>
      attempt(tools, 'SERVICE_UNAVAILABLE', async (signal) => ({
        focused: (await backend.focus(handle, signal)) === 'silenced',
        mode: null,
      })),
    facetime: (handle) => attempt(tools, 'SERVICE_UNAVAILABLE', (signal) => backend.onFacetime(handle, signal)),
  }
}

function tapbackOf(reaction: string): Tapback {
  const tapback = tapbacks.find((one) => one === reaction)
  if (tapback !== undefined) return tapback
  throw refused('REACTION_FAILED', `On iMessage a reaction is one of ${tapbacks.join(', ')}.`)
}

/** A tapback is taken back by its own name, so that it has to be looked for. */
async function ownTapback({ backend }: MessageVerbTools, bubble: Bubble, signal: AbortSignal): Promise<Tapback | null> {
  const target = await backend.row(bubble.guid, signal)
  if (target === null) throw refused('REACTION_FAILED', 'There is no such message on the Mac.')
  const rows = await backend.rowsSince(target.at, { chat: bubble.chat, ours: true }, signal)
  if (signal.aborted) throw unanswered()
  const last = rows.findLast(({ isOurs, tapback }) => isOurs && tapback?.target === bubble.guid)
  return tapbacks.find((one) => one === last?.tapback?.reaction) ?? null
}
