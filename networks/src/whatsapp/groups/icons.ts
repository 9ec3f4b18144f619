/** The pictures of groups and of people: set, taken away, and where they lie. */
import { randomInt } from 'node:crypto'
import type { Query } from '../accounts/queries.ts'
import type { Companion } from '../party/companion.ts'
import type { Party } from '../party/party.ts'
import { attribute, type BinaryNode, firstChild, octetsOf, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import type { Group, Icon } from './group.ts'

type Answer = BinaryNode[] | undefined | null

export function answerIcon({ world, connection, companion, request }: Query): Answer {
  const target = attribute(request, 'target') ?? ''
  const place = world.groups.byId(target) ?? world.directory.byJid(target)
  const isHidden = place !== null && 'members' in place && companion !== null && !place.members.has(companion.owner)
  if (isHidden) connection.refuse(request, 403, 'forbidden')
  else if (!place?.picture) connection.refuse(request, 404, 'item-not-found')
  else {
    const { id, image } = place.picture
    return [stanza('picture', { id, type: 'image', url: world.media.publish(image) })]
  }
  return null
}

/** Of a group, or of the account itself when no target is named. */
export function takeIcon({ world, connection, companion, request }: Query): Answer {
  const target = attribute(request, 'target')
  const owner = companion?.owner ?? null
  const place = target === null ? owner : world.groups.byId(target)
  const sent = firstChild(request)
  const icon = sent === undefined ? null : newIcon(octetsOf(sent))
  if (owner === null || place === null || !setIcon(world, place, owner, icon)) {
    connection.refuse(request, 403, 'forbidden')
    return null
  }
  return icon === null ? undefined : [stanza('picture', { id: icon.id })]
}

export function newIcon(image: Buffer): Icon {
  return { id: String(randomInt(2 ** 40)), image }
}

/** False: they may not. */
export function setIcon(world: World, place: Group | Party, actor: Party, icon: Icon | null): boolean {
  if ('members' in place) {
    const role = place.members.get(actor)
    if (role === undefined || (place.isLocked && role === null)) return false
  }
  place.picture = icon
  const isGroup = 'members' in place
  const author = isGroup ? actor.lid : undefined
  const jid = isGroup ? place.id : place.jid
  const what = icon === null ? stanza('delete', { jid, author }) : stanza('set', { jid, id: icon.id, author })
  const from = isGroup || place.knownBy === 'number' ? jid : place.lid
  if ('members' in place)
    for (const party of place.members.keys()) party.learn({ group: place.id, by: actor.number, what: 'picture' })
  const attributes = { from, type: 'picture', participant: author, t: String(secondsOf(world)) }
  for (const companion of onlookers(world, place))
    companion.give(stanza('notification', { ...attributes, id: String(randomInt(2 ** 40)) }, [what]))
  return true
}

/** Members of the group; of somebody, their own devices and those that have looked them up. */
function onlookers({ directory }: World, place: Group | Party): Companion[] {
  if ('members' in place) return [...place.members.keys()].flatMap(({ companions }) => companions)
  const all = directory.everybody.flatMap(({ companions }) => companions)
  return all.filter(({ owner, knows }) => owner === place || knows.has(place.number))
}
