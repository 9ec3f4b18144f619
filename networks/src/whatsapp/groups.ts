/** Groups: who is in them, who may change them, and who is told of it. */
import { randomInt } from 'node:crypto'
import type { Query } from './accounts/queries.ts'
import type { Directory } from './party/directory.ts'
import type { Party } from './party/party.ts'
import { attribute, type BinaryNode, children, firstChild, octetsOf, stanza, textOf } from './wire/nodes.ts'
import { CannotBeDone, secondsOf, type World } from './world.ts'

type Role = 'superadmin' | 'admin' | null

export interface Group {
  id: string
  subject: string
  creator: Party
  createdAt: number
  members: Map<Party, Role>
  picture: { id: string; image: Buffer } | null
}

export interface GroupState {
  id: string
  subject: string
  creator: string
  createdAt: number
  members: [number: string, role: Role][]
  picture: { id: string; image: Buffer } | null
}

/** Somebody does something to a group. */
interface Deed {
  world: World
  group: Group
  actor: Party
}

type Change = 'add' | 'remove' | 'promote' | 'demote'
type Answer = BinaryNode[] | undefined | null

const groupsMax = 1_000
const membersMax = 1_024

export class Groups {
  readonly #byId = new Map<string, Group>()
  /** Whoever is here may not be added to groups. */
  readonly shy = new Set<Party>()

  constructor(states: readonly GroupState[], directory: Directory) {
    for (const { members, creator, ...state } of states) {
      const known = members.flatMap(([number, role]): [Party, Role][] => {
        const party = directory.byNumber(number)
        return party === null ? [] : [[party, role]]
      })
      const owner = directory.byNumber(creator)
      if (owner !== null) this.#byId.set(state.id, { ...state, creator: owner, members: new Map(known) })
    }
  }

  byId(id: string): Group | null {
    return this.#byId.get(id) ?? null
  }

  /** Of a group that this person is in; otherwise an error that says so. */
  of(id: string, member: Party): Group {
    const group = this.byId(id)
    if (!group?.members.has(member)) throw new CannotBeDone('They are not in this group.')
    return group
  }

  state(): GroupState[] {
    return [...this.#byId.values()].map(({ creator, members, ...state }) => ({
      ...state,
      creator: creator.number,
      members: [...members].map(([{ number }, role]) => [number, role]),
    }))
  }

  answer(query: Query): void {
    const { connection, companion, request } = query
    const asked = firstChild(request)
    if (companion === null || asked === undefined) return void connection.refuse(request, 401, 'not-authorized')
    const me = companion.owner
    const answer = this.#outside(query.world, me, asked) ?? this.#inside(query, me, asked)
    if (answer !== null) connection.answer(request, answer)
  }

  /** What is asked of no group in particular. */
  #outside(world: World, me: Party, asked: BinaryNode): BinaryNode[] | null {
    if (asked.tag === 'create') {
      const jids = children(asked, 'participant').map(({ attrs: { jid = '' } }) => jid)
      const { group, refused } = this.create(world, me, attribute(asked, 'subject') ?? '', jids)
      const node = described(group)
      return [{ ...node, content: [...(Array.isArray(node.content) ? node.content : []), ...refused] }]
    }
    if (asked.tag === 'participating') {
      const own = [...this.#byId.values()].filter(({ members }) => members.has(me))
      return [stanza('groups', {}, own.map(described))]
    }
    if (asked.tag !== 'leave') return null
    for (const { attrs } of children(asked, 'group')) {
      const group = this.byId(attrs.id ?? '')
      if (group?.members.has(me)) this.leave({ world, group, actor: me })
    }
    return [asked]
  }

  /** Everybody in it hears of it; whoever could not be added is named. */
  create(world: World, creator: Party, subject: string, jids: readonly string[]) {
    if (this.#byId.size >= groupsMax) throw new CannotBeDone(`At most ${groupsMax} groups can be here.`)
    const createdAt = secondsOf(world)
    const id = `1203630${createdAt}${randomInt(10_000, 100_000)}@g.us`
    const group: Group = { id, subject, creator, createdAt, members: new Map([[creator, 'superadmin']]), picture: null }
    const added = jids.map((jid) => this.#change(world, group, 'add', jid))
    this.#byId.set(id, group)
    this.#tell({ world, group, actor: creator }, stanza('create', {}, [described(group)]))
    return { group, refused: added.filter(({ attrs: { error } }) => error !== undefined) }
  }

  #inside({ world, connection, request }: Query, me: Party, asked: BinaryNode): Answer {
    const group = this.byId(attribute(request, 'to') ?? '')
    const refuse = (code: number, text: string) => {
      connection.refuse(request, code, text)
      return null
    }
    if (group === null) return refuse(404, 'item-not-found')
    const role = group.members.get(me)
    if (role === undefined) return refuse(403, 'forbidden')
    if (asked.tag === 'query') return [described(group)]
    if (asked.tag === 'subject') {
      this.rename({ world, group, actor: me }, textOf(asked))
      return undefined
    }
    if (!isChange(asked.tag)) return refuse(501, 'feature-not-implemented')
    if (role === null) return refuse(403, 'forbidden')
    const jids = children(asked, 'participant').map(({ attrs: { jid = '' } }) => jid)
    return [stanza(asked.tag, {}, this.change({ world, group, actor: me }, asked.tag, jids))]
  }

  rename(deed: Deed, subject: string): void {
    deed.group.subject = subject
    const t = String(secondsOf(deed.world))
    this.#tell(deed, stanza('subject', { subject, s_t: t, s_o: deed.actor.lid }))
  }

  leave(deed: Deed): void {
    const { group, actor } = deed
    const told = [...group.members.keys()]
    group.members.delete(actor)
    this.#tell(deed, stanza('remove', {}, [memberNode(actor, null)]), told)
  }

  /** Each of them by itself: for one it may succeed and for another not. */
  change(deed: Deed, how: Change, jids: readonly string[]): BinaryNode[] {
    const { world, group } = deed
    const told = [...group.members.keys()]
    const changed = jids.map((jid) => this.#change(world, group, how, jid))
    const done = changed.filter(({ attrs: { error } }) => error === undefined)
    const all = new Set([...told, ...group.members.keys()])
    if (done.length > 0) this.#tell(deed, stanza(how, {}, done), all)
    return changed
  }

  #change(world: World, group: Group, how: Change, jid: string): BinaryNode {
    const party = world.directory.byJid(jid)
    const refused = (error: string, why: BinaryNode[] = []) => stanza('participant', { jid, error }, why)
    if (party === null) return refused('404')
    const { members } = group
    if (how === 'add') {
      if (members.has(party)) return refused('409')
      if (this.shy.has(party) || members.size >= membersMax)
        return refused('403', [stanza('add_request', { code: 'loopback', expiration: String(group.createdAt) })])
      members.set(party, null)
    } else if (!members.has(party)) return refused('404')
    else if (how === 'remove') members.delete(party)
    else members.set(party, how === 'promote' ? 'admin' : null)
    return memberNode(party, null)
  }

  /** The devices of those who are to know, the one that did it included. */
  #tell({ world, group, actor }: Deed, what: BinaryNode, who: Iterable<Party> = group.members.keys()): void {
    const attributes = { from: group.id, type: 'w:gp2', participant: actor.lid, participant_pn: numberOf(actor) }
    const notice = () => ({ ...attributes, id: String(randomInt(2 ** 40)), t: String(secondsOf(world)) })
    for (const { companions } of who)
      for (const companion of companions)
        companion.give(stanza('notification', { ...notice(), addressing_mode: 'lid' }, [what]))
  }

  pictureOf({ media }: World, target: string): BinaryNode | null {
    const picture = this.byId(target)?.picture
    if (!picture) return null
    return stanza('picture', { id: picture.id, type: 'image', url: media.publish(picture.image) })
  }

  setPicture({ world, connection, companion, request }: Query): Answer {
    const group = this.byId(attribute(request, 'target') ?? '')
    if (group === null || companion === null || !group.members.has(companion.owner)) {
      connection.refuse(request, 403, 'forbidden')
      return null
    }
    const sent = firstChild(request)
    const id = String(randomInt(2 ** 40))
    group.picture = sent === undefined ? null : { id, image: octetsOf(sent) }
    const author = companion.owner.lid
    const what = sent === undefined ? stanza('delete', { author }) : stanza('set', { id, author })
    const attributes = { from: group.id, type: 'picture', participant: author, t: String(secondsOf(world)) }
    for (const { companions } of group.members.keys())
      for (const one of companions)
        one.give(stanza('notification', { ...attributes, id: String(randomInt(2 ** 40)) }, [what]))
    return sent === undefined ? undefined : [stanza('picture', { id })]
  }
}

function isChange(tag: string): tag is Change {
  return tag === 'add' || tag === 'remove' || tag === 'promote' || tag === 'demote'
}

function memberNode(party: Party, role: Role): BinaryNode {
  return stanza('participant', { jid: party.lid, phone_number: numberOf(party), type: role ?? undefined })
}

/** As far as they let others know it. */
function numberOf({ knownBy, jid }: Party): string | undefined {
  return knownBy === 'lid' ? undefined : jid
}

function described({ id, subject, creator, createdAt, members }: Group): BinaryNode {
  const t = String(createdAt)
  const named = { id: id.replace('@g.us', ''), subject, creator: creator.lid, creator_pn: numberOf(creator) }
  const when = { creation: t, s_t: t, s_o: creator.lid, addressing_mode: 'lid', size: String(members.size) }
  return stanza(
    'group',
    { ...named, ...when },
    [...members].map(([party, role]) => memberNode(party, role)),
  )
}
