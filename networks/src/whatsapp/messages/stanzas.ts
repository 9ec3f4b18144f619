/** What a client sends besides messages and queries: receipts, acknowledgements, who is looking and who is typing. */

import { type Companion, receiptIds } from '../party/companion.ts'
import { presenceOf } from '../person.ts'
import type { Connection } from '../wire/connection.ts'
import { attribute, type BinaryNode, firstChild, stanza } from '../wire/nodes.ts'
import type { World } from '../world.ts'
import type { Mail } from './mail.ts'

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
  const { id, to, participant } = node.attrs
  const type = attribute(node, 'type') ?? ''
  connection.send(stanza('ack', { class: 'receipt', id, from: to, participant, type: type === '' ? undefined : type }))
  if (type === 'retry') return mail.again(companion, node)
  const party = world.directory.byJid(participant ?? to ?? '')
  const what = receipts[type]
  if (party === null || what === undefined || party === companion.owner) return
  for (const one of receiptIds(node)) party.hear({ from: companion.owner.number, id: one, what })
}

export function takePresence({ world, companion, node }: Said): void {
  const type = attribute(node, 'type')
  if (type !== 'subscribe') {
    companion.isAvailable = type === 'available'
    return
  }
  const party = world.directory.byJid(attribute(node, 'to') ?? '')
  if (party === null || companion.watches.size >= 1_000) return
  companion.watches.add(party)
  companion.mention(presenceOf(party))
}

export function takeChatState({ world, companion, node }: Said): void {
  const said = firstChild(node)
  const state = attribute(said, 'media') === 'audio' ? 'recording' : said?.tag
  if (state !== 'composing' && state !== 'recording' && state !== 'paused') return
  const to = attribute(node, 'to') ?? ''
  const from = companion.owner.number
  const group = world.groups.byId(to)
  const party = group === null ? world.directory.byJid(to) : null
  if (party !== null) party.see({ from, chat: from, state })
  for (const member of group?.members.keys() ?? [])
    if (member !== companion.owner) member.see({ from, chat: to, state })
}
