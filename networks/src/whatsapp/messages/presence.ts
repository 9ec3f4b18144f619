/** Who is looking and who is typing, and who is told of it. */
import type { Group } from '../groups/group.ts'
import type { Companion } from '../party/companion.ts'
import type { Party, Seen } from '../party/party.ts'
import { type BinaryNode, stanza } from '../wire/nodes.ts'
import type { World } from '../world.ts'
import { isGroup } from './mail.ts'

const watchesMax = 1_000

/** Those who asked for somebody's presence hear of each change. */
export function appear(world: World, party: Party, isOnline: boolean): void {
  party.isOnline = isOnline
  for (const { companions } of world.directory.everybody)
    for (const companion of companions) if (companion.watches.has(party)) companion.mention(presenceOf(party))
}

/** It is told how things are now, and from then on. */
export function watch(companion: Companion, party: Party): void {
  if (companion.watches.size >= watchesMax) return
  companion.watches.add(party)
  companion.mention(presenceOf(party))
}

/** Phones always see it. Devices hear of it while somebody looks at them; in a chat of two they have to have asked. */
export function typeTo(place: Party | Group, party: Party, state: Seen['state']): void {
  const what = state === 'recording' ? stanza('composing', { media: 'audio' }) : stanza(state)
  const attributes = isGroup(place) ? { from: place.id, participant: party.lid } : { from: addressOf(party) }
  const people = isGroup(place) ? [...place.members.keys()].filter((member) => member !== party) : [place]
  for (const person of people) {
    person.see({ from: party.number, chat: isGroup(place) ? place.id : party.number, state })
    for (const companion of person.companions) {
      const hears = companion.isAvailable && (isGroup(place) || companion.watches.has(party))
      if (hears) companion.mention(stanza('chatstate', attributes, [what]))
    }
  }
}

function presenceOf(party: Party): BinaryNode {
  return stanza('presence', { from: addressOf(party), type: party.isOnline ? 'available' : 'unavailable' })
}

function addressOf({ knownBy, jid, lid }: Party): string {
  return knownBy === 'number' ? jid : lid
}
