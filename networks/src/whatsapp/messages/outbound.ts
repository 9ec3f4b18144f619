/** What a client sends: opened on the phones it is for, passed on to other devices, acknowledged or refused. */
import { jidDecode, type proto } from 'baileys'
import type { People } from '../../people.ts'
import { type Group, mayWrite } from '../groups/group.ts'
import type { Companion } from '../party/companion.ts'
import type { Party } from '../party/party.ts'
import type { Connection } from '../wire/connection.ts'
import { attribute, type BinaryNode, child, children, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import { told, textOf as wordsOf } from './contents.ts'
import { noteSetting } from './disappearing.ts'
import { isGroup } from './mail.ts'

export interface Sending {
  world: World
  connection: Connection
  companion: Companion
  node: BinaryNode
  /** What the phones of people do once something has come. */
  arrived(arrival: Arrival): void
}

export interface Arrival {
  party: Party
  /** The device that sent it. */
  companion: Companion
  id: string
  /** As the sender named the chat. */
  chat: string
  group: Group | null
  /** Null: the phone could not read it. */
  message: proto.IMessage | null
  isNew: boolean
}

interface Part {
  party: Party
  device: number
  enc: BinaryNode
}

const codes = { unknownRecipient: '404', forbidden: '403', passing: '500', throttled: '429', noMedia: '415' }

export async function takeMessage(sending: Sending): Promise<void> {
  const { world, node, companion } = sending
  const { faults } = world
  if (faults.lostMessages > 0) {
    faults.lostMessages -= 1
    return
  }
  const scripted = faults.nacks.shift()
  if (scripted !== undefined) return acknowledge(sending, String(scripted))
  const to = recipientOf(sending)
  const isPeer = attribute(node, 'category') === 'peer'
  if (to === null) return acknowledge(sending, codes.unknownRecipient)
  const group = isGroup(to) ? to : null
  if (group !== null && !mayWrite(group, companion.owner) && !isReactionOfMember(sending, group))
    return acknowledge(sending, codes.forbidden)
  const opened = await openParts(sending, group)
  const person = isGroup(to) ? null : to
  const main = opened.find(({ party }) => party === person)?.message ?? null
  const refusal = person === null || isPeer ? null : refusalOf(world.people, person, main)
  if (refusal !== null) return acknowledge(sending, refusal)
  if (person === null || !world.people.behaviourOf(person.number).neverAnswers) acknowledge(sending)
  if (isPeer) return
  for (const { party, message } of opened) deliver(sending, party, group, message)
  passOn(sending, group)
}

function acknowledge({ world, connection, node }: Sending, error?: string): void {
  const { faults } = world
  if (faults.lostAnswers > 0) {
    faults.lostAnswers -= 1
    return
  }
  const { id, to, participant } = node.attrs
  connection.send(stanza('ack', { class: 'message', id, from: to, participant, t: String(secondsOf(world)), error }))
}

function recipientOf({ world, node }: Sending): Party | Group | null {
  const to = attribute(node, 'to') ?? ''
  return to.endsWith('@g.us') ? world.groups.byId(to) : world.directory.byJid(to)
}

/** To react is for all members, even where only admins write. */
function isReactionOfMember({ companion, node }: Sending, { members }: Group): boolean {
  return attribute(node, 'type') === 'reaction' && members.has(companion.owner)
}

function refusalOf(people: People, { number }: Party, message: proto.IMessage | null): string | null {
  const { failsFirst, throttledFirst, refusesMedia } = people.behaviourOf(number)
  if (refusesMedia && message !== null && told(message).media !== null) return codes.noMedia
  const text = message === null ? null : wordsOf(message)
  if (failsFirst + throttledFirst === 0 || text === null) return null
  const tries = people.countTry(number, text)
  if (tries <= failsFirst) return codes.passing
  return tries <= failsFirst + throttledFirst ? codes.throttled : null
}

/** Each phone opens its own part; in a group what all share comes after it. */
async function openParts(sending: Sending, group: Group | null) {
  const { companion, node } = sending
  const opened: { party: Party; message: proto.IMessage | null }[] = []
  const members = group === null ? new Set<Party>() : new Set(group.members.keys())
  for (const { party, enc } of partsOf(sending, group).filter(({ device }) => device === 0)) {
    const message = await read(party, () => party.device.open(companion.jid, enc))
    if (group === null || isWhole(sending, party)) {
      opened.push({ party, message })
      members.delete(party)
    }
  }
  const shared = child(node, 'enc')
  if (group === null || !(shared?.content instanceof Uint8Array) || shared.attrs.type !== 'skmsg') return opened
  const { content } = shared
  for (const party of members) {
    const message = await read(party, () => party.device.openGroup(group.id, companion.jid, content))
    opened.push({ party, message })
  }
  return opened
}

/** A repetition for one device of a group is sealed for it alone. */
function isWhole({ node, world }: Sending, party: Party): boolean {
  const asked = attribute(node, 'participant')
  return asked !== null && world.directory.byJid(asked) === party
}

async function read(party: Party, open: () => Promise<proto.IMessage>): Promise<proto.IMessage | null> {
  if (party.unreadable > 0) {
    party.unreadable -= 1
    return null
  }
  try {
    return await open()
  } catch {
    return null
  }
}

function partsOf({ world, companion, node }: Sending, group: Group | null): Part[] {
  const listed = children(child(node, 'participants'), 'to').map((to) => ({ jid: to.attrs.jid, enc: child(to, 'enc') }))
  const single = child(node, 'enc')
  const asked = attribute(node, 'participant')
  const alone = { jid: asked ?? attribute(node, 'to') ?? '', enc: single }
  const all = group === null || asked !== null ? [...listed, alone] : listed
  return all.flatMap(({ jid = '', enc }) => {
    const party = world.directory.byJid(jid)
    const device = jidDecode(jid)?.device ?? 0
    const isSelf = party === companion.owner && device === companion.state.device
    return party === null || enc === undefined || isSelf ? [] : [{ party, device, enc }]
  })
}

function deliver(sending: Sending, party: Party, group: Group | null, message: proto.IMessage | null): void {
  const { world, companion, node } = sending
  const id = attribute(node, 'id') ?? ''
  const own = message?.deviceSentMessage
  const { device } = companion.state
  const isOwn = party === companion.owner
  const inner = own?.message ?? message
  const other = isOwn ? world.directory.byJid(own?.destinationJid ?? '')?.number : companion.owner.number
  const received = { id, from: companion.owner.number, chat: group?.id ?? other ?? party.number, isOwn, device }
  const isNew = inner !== null && party.take({ ...received, message: inner, at: world.clock.now() })
  if (inner !== null && group === null && !isOwn) noteSetting(inner, [companion.owner, party], secondsOf(world))
  const chat = attribute(node, 'to') ?? ''
  sending.arrived({ party, companion, id, chat, group, message: inner, isNew })
}

/** Other linked devices open their parts themselves. */
function passOn(sending: Sending, group: Group | null): void {
  const { world, companion, node } = sending
  const { owner, state } = companion
  const { id, type, edit } = node.attrs
  const shared = group === null ? undefined : child(node, 'enc')
  const written = { id, type, edit, t: String(secondsOf(world)), notify: owner.name }
  const from = group?.id ?? `${owner.user}:${state.device}@s.whatsapp.net`
  const parts = partsOf(sending, group).filter(({ device }) => device > 0)
  const people = group === null ? parts.map(({ party }) => party) : [...group.members.keys()]
  for (const other of new Set(people.flatMap(({ companions }) => companions))) {
    if (other === companion) continue
    const own = parts.find(({ party, device }) => party === other.owner && device === other.state.device)?.enc
    const encs = [own, shared].filter((one) => one !== undefined)
    const recipient = group === null && other.owner === owner ? (attribute(node, 'to') ?? undefined) : undefined
    const sender =
      group === null ? { sender_lid: companion.jid } : { participant: companion.jid, addressing_mode: 'lid' }
    if (encs.length > 0) other.give(stanza('message', { ...written, from, recipient, ...sender }, encs))
  }
}
