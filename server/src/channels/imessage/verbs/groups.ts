/** What is done to groups. How a group is afterwards is asked, because the server's own answers leave out who is in it. */
import type { Handle, ProviderChatId } from '../../../model/ids.ts'
import type { Actions, ChatInfo, Host } from '../../connector.ts'
import type { Chat, ServerChat } from '../backend.ts'
import { nameOf } from '../names.ts'
import { attempt, chatOnServer, noSuchChat, refused, type VerbTools, verified } from './failures.ts'

export type GroupVerbs = Pick<
  Actions,
  | 'createGroup'
  | 'chatInfo'
  | 'renameGroup'
  | 'addMember'
  | 'removeMember'
  | 'leaveGroup'
  | 'setGroupIcon'
  | 'removeGroupIcon'
>

export interface GroupVerbTools extends VerbTools {
  host: Pick<Host, 'log'>
  settings: { groupOpener: string | null }
}

const failed = 'CHAT_CHANGE_FAILED'
/** Fewer others, and the Mac takes it for a chat of two. */
const membersMin = 2

export function groupVerbs(tools: GroupVerbTools): GroupVerbs {
  const { backend, book } = tools
  const onServer = (chat: ProviderChatId, signal: AbortSignal) => chatOnServer(tools, chat, signal)
  /** Whatever comes of it, what was known may be wrong from now on. */
  const changing = (chat: ProviderChatId, run: (server: ServerChat, signal: AbortSignal) => Promise<void>) =>
    attempt(tools, failed, async (signal) => {
      const server = await onServer(chat, signal)
      try {
        await run(server, signal)
      } finally {
        book.forget(server)
      }
    })
  const roster = (chat: ProviderChatId, member: Handle, wanted: boolean) => {
    const change = wanted ? backend.addMember : backend.removeMember
    const verb = changing(chat, async (server, signal) => {
      const there = await membersOf(tools, server, signal)
      // The server would wait 43 s for a change that cannot come, and fail (BlueBubbles 1.9.9).
      if (there.includes(member) !== wanted) await change(server, member, signal)
    })
    return verified(tools, verb, async (signal) => {
      const there = await membersOf(tools, await onServer(chat, signal), signal)
      return there.includes(member) === wanted
    })
  }
  return {
    createGroup: (name, members) => createGroup(tools, name, members),
    chatInfo: (chat) =>
      attempt(tools, failed, async (signal) => {
        const facts = await fresh(tools, await onServer(chat, signal), signal)
        if (!facts.isGroup) throw refused(failed, 'This is a chat of two, and no group.')
        return infoOf(facts)
      }),
    renameGroup: (chat, name) =>
      verified(
        tools,
        changing(chat, (server, signal) => backend.rename(server, name, signal)),
        async (signal) => (await fresh(tools, await onServer(chat, signal), signal)).name === name,
      ),
    addMember: (chat, member) => roster(chat, member, true),
    removeMember: (chat, member) => roster(chat, member, false),
    leaveGroup: (chat) => changing(chat, (server, signal) => backend.leave(server, signal)),
    async setGroupIcon(chat, { base64, mimeType }) {
      const icon = { bytes: Buffer.from(base64, 'base64'), mimeType }
      await changing(chat, (server, signal) => backend.setIcon(server, icon, signal))
      return { mark: null }
    },
    removeGroupIcon: (chat) => changing(chat, (server, signal) => backend.setIcon(server, null, signal)),
  }
}

/**
 * A group begins with a message. One with the same people may be there already: then Apple returns that, which is what
 * was asked for. The name comes afterwards; a group that could not be named is there all the same, and is told as it is.
 */
async function createGroup(tools: GroupVerbTools, name: string | null, members: readonly Handle[]): Promise<ChatInfo> {
  const { backend, book, clock, host, settings } = tools
  const people = [...new Set(members)]
  if (people.length < membersMin)
    throw refused(failed, 'On iMessage a group needs at least two people besides you; one is a chat of two.')
  const text = settings.groupOpener ?? name ?? 'Hi'
  const tempId = `group-${clock.now()}`
  const draft = { people, tempId, privately: true, effect: null, text }
  const { chat } = await attempt(tools, failed, (signal) => backend.startChat(draft, signal))
  book.noted(chat)
  let called = chat.name
  if (name !== null && called !== name) {
    try {
      await attempt(tools, failed, (signal) => backend.rename(chat.chat, name, signal))
      called = name
    } catch (error) {
      host.log.warn({ err: error }, 'A new group could not be given its name.')
    }
  }
  try {
    return await attempt(tools, failed, async (signal) => infoOf(await fresh(tools, chat.chat, signal)))
  } catch (error) {
    // Whoever heard of a failure would begin it again, and its people would get the first message twice.
    host.log.warn({ err: error }, 'How a new group is could not be asked; it is told as it was begun.')
    return infoOf({ ...chat, name: called })
  }
}

async function fresh({ book }: GroupVerbTools, chat: ServerChat, signal: AbortSignal): Promise<Chat> {
  book.forget(chat)
  const facts = await book.facts(chat, signal)
  if (facts === null) throw noSuchChat()
  return facts
}

async function membersOf(tools: GroupVerbTools, chat: ServerChat, signal: AbortSignal): Promise<readonly Handle[]> {
  const { isGroup, members } = await fresh(tools, chat, signal)
  if (!isGroup) throw refused(failed, 'This is a chat of two: nobody can be added or removed.')
  return members ?? []
}

function infoOf({ chat, name, members }: Chat): ChatInfo {
  const known = (members ?? []).map((handle) => ({ handle, phoneKnown: handle.startsWith('+'), admin: null }))
  return { chat: nameOf(chat), name, members: known }
}
