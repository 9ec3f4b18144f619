/** The chats of a Mac, looked up under every name that they may have there, and kept for a while. */
import type { Clock } from '../../lib/clock.ts'
import type { ProviderChatId } from '../../model/ids.ts'
import type { Backend, Chat, ServerChat } from './backend.ts'
import type { ChatBook } from './chat-book.ts'
import { chatWith, nameOf, namesOnServer } from './names.ts'

export interface ChatBookOptions {
  backend: Pick<Backend, 'chat'>
  clock: Pick<Clock, 'monotonic'>
}

interface Page {
  facts: Chat
  /** What it is called changes when the Mac is updated; who is in it, more often, and not all of that is told. */
  namedUntilMs: number
  knownUntilMs: number
}

const namedForMs = 6 * 3_600_000
const knownForMs = 10 * 60_000
const pagesMax = 10_000

export function createChatBook({ backend, clock }: ChatBookOptions): ChatBook {
  /** Under our own names, the longest unused first. That there is no chat is not kept: the next moment may bring it. */
  const pages = new Map<ProviderChatId, Page>()
  /** Grows with whatever is forgotten, so that an answer to an older question is not kept. */
  let generation = 0

  function keep(facts: Chat): void {
    const name = nameOf(facts.chat)
    const now = clock.monotonic()
    pages.delete(name)
    pages.set(name, { facts, namedUntilMs: now + namedForMs, knownUntilMs: now + knownForMs })
    const [oldest] = pages.keys()
    if (pages.size > pagesMax && oldest !== undefined) pages.delete(oldest)
  }

  async function ask(name: ProviderChatId, signal: AbortSignal): Promise<Chat | null> {
    const asked = generation
    for (const onServer of namesOnServer(name)) {
      const facts = await backend.chat(onServer, signal)
      if (facts === null) continue
      if (asked === generation) keep(facts)
      return facts
    }
    return null
  }

  async function onServer(chat: ProviderChatId, signal: AbortSignal): Promise<ServerChat | null> {
    const name = nameOf(chat as string as ServerChat)
    const page = pages.get(name)
    if (page !== undefined && page.namedUntilMs > clock.monotonic()) {
      pages.delete(name)
      pages.set(name, page)
      return page.facts.chat
    }
    return (await ask(name, signal))?.chat ?? null
  }

  return {
    onServer,
    withPerson: (person, signal) => onServer(chatWith(person), signal),
    async facts(chat, signal) {
      const page = pages.get(nameOf(chat))
      if (page !== undefined && page.knownUntilMs > clock.monotonic() && page.facts.members !== null) return page.facts
      return ask(nameOf(chat), signal)
    },
    noted: keep,
    forget(chat) {
      generation += 1
      pages.delete(nameOf(chat))
    },
    forgetAll() {
      generation += 1
      pages.clear()
    },
  }
}
