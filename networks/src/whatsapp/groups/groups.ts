/** All groups: who is in them, who may change them, and who is told of it. */
import { randomInt } from 'node:crypto'
import type { Query } from '../accounts/queries.ts'
import type { Directory } from '../party/directory.ts'
import type { Learned, Party } from '../party/party.ts'
import { attribute, type BinaryNode, children, firstChild, stanza } from '../wire/nodes.ts'
import { CannotBeDone, secondsOf, type World } from '../world.ts'
import { described, type Group, type GroupState, memberNode, newSettings, numberOf, type Role } from './group.ts'
import { carryOut, mayBeSetBy, type Setting, settingIn } from './settings.ts'

/** Somebody does something to a group. */
interface Deed {
  world: World
  group: Group
  actor: Party
}

export type Change = 'add' | 'remove' | 'promote' | 'demote'
type Answer = BinaryNode[] | undefined | null

const groupsMax = 5_000
const membersMax = 1_024

export class Groups {
  readonly #byId = new Map<string, Group>()
  /** Whoever is here may not be added to groups. */
  readonly shy = new Set<Party>()

  constructor(states: readonly GroupState[], directory: Directory) {
    const partyOf = (number: string) => directory.byNumber(number)
    for (const { members, creator, ...state } of states) {
      const known = members.flatMap(([number, role]): [Party, Role][] => {
        const party = partyOf(number)
        return party === null ? [] : [[party, role]]
      })
      const owner = partyOf(creator)
      if (owner !== null) this.#byId.set(state.id, { ...state, creator: owner, members: new Map(known) })
    }
  }

  byId(id: string): Group | null {
    return this.#byId.get(id) ?? null
  }

  /** Of a group that this person is in; otherwise an error that says so. */
  byMember(id: string, member: Party): Group {
    const group = this.byId(id)
    if (!group?.members.has(member)) throw new CannotBeDone('They are not in this group.')
    return group
  }

  all(member: Party): { id: string; subject: string; role: Role }[] {
    return [...this.#byId.values()].flatMap(({ id, subject, members }) => {
      const role = members.get(member)
      return role === undefined ? [] : [{ id, subject, role }]
    })
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
    const members = new Map<Party, Role>([[creator, 'superadmin']])
    const group: Group = { id, ...newSettings(subject), creator, createdAt, members }
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
    if (!group.members.has(me)) return refuse(403, 'forbidden')
    if (asked.tag === 'query') return [described(group)]
    const deed = { world, group, actor: me }
    const setting = settingIn(asked)
    if (setting !== null) return this.set(deed, setting) ? undefined : refuse(403, 'forbidden')
    if (!isChange(asked.tag)) return refuse(501, 'feature-not-implemented')
    if (!this.mayChange(deed, asked.tag)) return refuse(403, 'forbidden')
    const jids = children(asked, 'participant').map(({ attrs: { jid = '' } }) => jid)
    return [stanza(asked.tag, {}, this.change(deed, asked.tag, jids))]
  }

  /** False: they may not. */
  set(deed: Deed, setting: Setting): boolean {
    const { world, group, actor } = deed
    if (!mayBeSetBy(group, actor, setting)) return false
    this.#tell(deed, carryOut(group, actor, setting, secondsOf(world)))
    return true
  }

  leave(deed: Deed): void {
    const { group, actor } = deed
    const told = [...group.members.keys()]
    group.members.delete(actor)
    this.#tell(deed, stanza('remove', {}, [memberNode(actor, null)]), told)
  }

  /** Adding is for everybody unless the group says otherwise; the rest is for admins. */
  mayChange({ group, actor }: Deed, how: Change): boolean {
    const role = group.members.get(actor)
    if (role === undefined) return false
    return role !== null || (how === 'add' && !group.onlyAdminsAdd)
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
    for (const party of who) {
      party.learn({ group: group.id, by: actor.number, what: learnedFrom(what, actor) })
      for (const companion of party.companions)
        companion.give(stanza('notification', { ...notice(), addressing_mode: 'lid' }, [what]))
    }
  }
}

function isChange(tag: string): tag is Change {
  return tag === 'add' || tag === 'remove' || tag === 'promote' || tag === 'demote'
}

/** Who removes themselves leaves. */
function learnedFrom({ tag, content }: BinaryNode, actor: Party): Learned['what'] {
  const [only] = Array.isArray(content) ? content : []
  if (tag === 'leave' || (tag === 'remove' && only?.attrs.jid === actor.lid)) return 'leave'
  return isChange(tag) || tag === 'create' ? tag : 'settings'
}
