/**
 * What we do with groups. Each request is made here and not by the verbs of baileys 7.0.0-rc14: those take silence for success,
 * a member who was refused for one who was added, and do not say under which id a picture is known.
 */
import { type BinaryNode, type GroupMetadata, generateMessageIDV2, type WASocket } from 'baileys'
import { extractGroupMetadata } from 'baileys/lib/Socket/groups.js'
import { SendFailure } from '../../../model/delivery.ts'
import type { Handle, ProviderChatId } from '../../../model/ids.ts'
import type { Actions, Icon } from '../../connector.ts'
import { addressOf } from '../names.ts'
import { type Asked, failureOf, notConnected, unanswered } from '../sending/failures.ts'
import type { GroupBook } from './group-book.ts'

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

export interface AskingSocket extends Pick<WASocket, 'query'> {
  ws: { readonly isOpen: boolean }
}

export interface GroupTools {
  socket: AskingSocket
  book: GroupBook
  /** Phones show JPEG only. Throws SendFailure for what is no picture; never in this process. */
  asJpeg(icon: Icon): Promise<Uint8Array>
}

const allGroups = '@g.us'

export function groupVerbs({ socket, book, asJpeg }: GroupTools): GroupVerbs {
  const ask = (to: string, asked: Asked, content: BinaryNode) =>
    query(socket, asked, { attrs: { to, type: 'set', xmlns: 'w:g2' }, content: [content] })
  /** Whatever comes of it, what was known may be wrong from now on. */
  const changing = async <Result>(chat: string, run: () => Promise<Result>): Promise<Result> => {
    try {
      return await run()
    } finally {
      book.forget(chat)
    }
  }
  const picture = (chat: ProviderChatId, what: string, content: BinaryNode[]) =>
    changing(chat, () => query(socket, { what }, { attrs: { ...profilePicture, type: 'set', target: chat }, content }))
  return {
    chatInfo: (chat) => book.info(chat),
    async createGroup(name, members) {
      if (name === null) throw new SendFailure('refused', 'NAME_REQUIRED', 'A WhatsApp group needs a name.')
      const attrs = { subject: name, key: generateMessageIDV2() }
      const what = 'make the group'
      const made = await ask(allGroups, { what }, stanza('create', attrs, members.map(participant)))
      const { metadata, refused } = groupMade(made)
      if (refused.length < members.length || members.length === 0) return book.keep(metadata)
      // Nobody but us is in it, and nobody would expect it; if it cannot be left, it stays empty.
      await ask(allGroups, { what }, leaving(metadata.id)).catch(() => undefined)
      throw memberFailure(Math.min(...refused), what) ?? unanswered()
    },
    renameGroup: (chat, name) =>
      changing(chat, async () => {
        await ask(chat, { what: 'rename the group' }, stanza('subject', {}, Buffer.from(name)))
      }),
    addMember: (chat, member) =>
      changing(chat, async () => {
        const what = 'add them'
        const failure = memberFailure(
          statusOf(await ask(chat, { what }, stanza('add', {}, [participant(member)]))),
          what,
        )
        if (failure !== null) throw failure
      }),
    removeMember: (chat, member) =>
      changing(chat, async () => {
        const what = 'remove them'
        const jid = memberIn(await book.metadata(chat), member)
        const status = statusOf(await ask(chat, { what }, stanza('remove', {}, [stanza('participant', { jid })])))
        const failure = status === 404 ? null : memberFailure(status, what)
        if (failure !== null) throw failure
      }),
    leaveGroup: (chat) =>
      changing(chat, async () => void (await ask(allGroups, { what: 'leave the group' }, leaving(chat)))),
    async setGroupIcon(chat, icon) {
      const jpeg = await asJpeg(icon)
      const answer = await picture(chat, 'take the picture', [stanza('picture', { type: 'image' }, jpeg)])
      return { mark: child(answer, 'picture')?.attrs.id ?? null }
    },
    async removeGroupIcon(chat) {
      await picture(chat, 'remove the picture', [])
    },
  }
}

const profilePicture = { to: 's.whatsapp.net', xmlns: 'w:profile:picture' }

/** For the book of groups. */
export async function fetchGroup(socket: AskingSocket, chat: string): Promise<GroupMetadata> {
  const asked: Asked = { what: 'tell of the group', harmless: true, hidden: true }
  const attrs = { to: chat, type: 'get', xmlns: 'w:g2' }
  const answer = await query(socket, asked, { attrs, content: [stanza('query', { request: 'interactive' })] })
  return groupIn(answer)
}

async function query(
  socket: AskingSocket,
  asked: Asked,
  { attrs, content }: Omit<BinaryNode, 'tag'>,
): Promise<BinaryNode> {
  if (!socket.ws.isOpen) throw notConnected()
  const node: BinaryNode = { tag: 'iq', attrs, ...(content?.length !== 0 && { content }) }
  const answer: BinaryNode | undefined = await socket.query(node).catch((error: unknown) => {
    throw failureOf(error, asked)
  })
  // So the library says that its time was up.
  if (answer === undefined) throw unanswered()
  return answer
}

function groupIn(answer: BinaryNode): GroupMetadata {
  try {
    return extractGroupMetadata(answer)
  } catch (error) {
    // The one thing it fails for here is an answer that is none.
    throw new SendFailure('uncertain', 'PROVIDER_TIMEOUT', `WhatsApp's answer cannot be read: ${String(error)}`)
  }
}

/** Whoever could not be added stands in it like the others, with an error. */
function groupMade(answer: BinaryNode): { metadata: GroupMetadata; refused: number[] } {
  const group = child(answer, 'group')
  const all = childrenOf(group)
  const isRefused = ({ tag, attrs }: BinaryNode) => tag === 'participant' && attrs.error !== undefined
  const there = group && { ...group, content: all.filter((one) => !isRefused(one)) }
  const { size: _, ...metadata } = groupIn({ ...answer, content: there ? [there] : [] })
  return { metadata, refused: all.filter(isRefused).map(({ attrs }) => Number(attrs.error)) }
}

/** What became of the one member that was asked about. */
function statusOf(answer: BinaryNode): number {
  const [member] = childrenOf(childrenOf(answer)[0])
  if (member === undefined) throw unanswered()
  return Number(member.attrs.error ?? '200')
}

const memberRefusals: ReadonlyMap<number, string> = new Map([
  [401, 'They have blocked this number'],
  [403, 'They let only some people add them to groups; ask them to join by a link'],
  [408, 'They left the group lately and can only come back by a link'],
  [419, 'The group is full'],
])

/** Null: it is done, or was so already. */
function memberFailure(status: number, what: string): SendFailure | null {
  if (status === 200 || status === 409) return null
  if (status === 404) return new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'This person is not on WhatsApp.')
  const words = memberRefusals.get(status) ?? `WhatsApp did not ${what}`
  return new SendFailure('refused', 'WHATSAPP_REJECTED', `${words} (${status}).`)
}

/** As the group itself calls them. */
function memberIn({ participants }: GroupMetadata, member: Handle): string {
  const jid = addressOf(member)
  return participants.find((one) => [one.id, one.phoneNumber, one.lid].includes(jid))?.id ?? jid
}

function participant(member: Handle): BinaryNode {
  return stanza('participant', { jid: addressOf(member) })
}

function leaving(id: string): BinaryNode {
  return stanza('leave', {}, [stanza('group', { id })])
}

function stanza(tag: string, attrs: Record<string, string>, content?: BinaryNode['content']): BinaryNode {
  return content === undefined ? { tag, attrs } : { tag, attrs, content }
}

function childrenOf(node: BinaryNode | undefined): readonly BinaryNode[] {
  return Array.isArray(node?.content) ? node.content : []
}

function child(node: BinaryNode, tag: string): BinaryNode | undefined {
  return childrenOf(node).find((one) => one.tag === tag)
}
