/** What a client sends besides messages and queries: receipts, acknowledgements, who is looking and who is typing. */

import { jidDecode } from 'baileys'
import { reupload } from '../media/reupload.ts'
import { type Companion, receiptIds } from '../party/companion.ts'
import type { Connection } from '../wire/connection.ts'
import { attribute, type BinaryNode, firstChild, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import { appearance, type Mail } from './mail.ts'
import { appear, typeTo, watch } from './presence.ts'

export interface Said {
  world: World
  mail: Mail
  connection: Connection
  companion: Companion
  node: BinaryNode
}

const receipts: Readonly<Record<string, 'delivered' | 'read' | 'played'>> = {
  '': 'delivered',
  inactive: 'delivered',
  read: 'read',
  played: 'played',
}

export async function takeReceipt({ world, mail, connection, companion, node }: Said): Promise<void> {
  companion.settle(node)
  const { id, to = '', participant } = node.attrs
  const type = attribute(node, 'type') ?? ''
  connection.send(stanza('ack', { class: 'receipt', id, from: to, participant, type: type === '' ? undefined : type }))
  if (type === 'server-error') return reupload(world, companion, node)
  const author = participant ?? to
  const party = world.directory.byJid(author)
  if (type === 'retry') {
    world.unread.byDevices += 1
    const device = jidDecode(author)?.device ?? 0
    if (device === 0) return mail.again(companion, node)
    return forward({ world, companion, node }, party?.companions.filter(({ state }) => state.device === device) ?? [])
  }
  const what = receipts[type]
  if (party === null || what === undefined || party === companion.owner) return
  for (const one of receiptIds(node)) party.hear({ from: companion.owner.number, id: one, what })
  // That it was delivered is what the phone says.
  if (what !== 'delivered') forward({ world, companion, node }, party.companions)
}

/** To the devices of whoever wrote the message. */
function forward({ world, companion, node }: Pick<Said, 'world' | 'companion' | 'node'>, to: Companion[]): void {
  const { owner, state } = companion
  const { id, type, to: chat = '' } = node.attrs
  const isAgain = type === 'retry'
  const device = `${owner.user}:${state.device}@s.whatsapp.net`
  const alone = isAgain ? device : appearance(owner).from
  const from = chat.endsWith('@g.us')
    ? { from: chat, participant: isAgain ? companion.jid : owner.lid }
    : { from: alone }
  const attributes = { id, type, t: String(secondsOf(world)), ...from }
  for (const other of to) other.give(stanza('receipt', attributes, node.content))
}

export function takePresence({ world, companion, node }: Said): void {
  const type = attribute(node, 'type')
  if (type === 'subscribe') {
    const party = world.directory.byJid(attribute(node, 'to') ?? '')
    if (party !== null) watch(companion, party)
    return
  }
  companion.isAvailable = type === 'available'
  appear(world, companion.owner, companion.isAvailable)
}

export function takeChatState({ world, companion, node }: Said): void {
  const said = firstChild(node)
  const state = attribute(said, 'media') === 'audio' ? 'recording' : said?.tag
  if (state !== 'composing' && state !== 'recording' && state !== 'paused') return
  const to = attribute(node, 'to') ?? ''
  const group = world.groups.byId(to)
  const place = group?.members.has(companion.owner) ? group : world.directory.byJid(to)
  if (place !== null) typeTo(place, companion.owner, state)
}
