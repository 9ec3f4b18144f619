/** What somebody does with groups on their own phone. */
import type { Party } from '../party/party.ts'
import { CannotBeDone, type World } from '../world.ts'
import type { Role } from './group.ts'
import type { Change } from './groups.ts'
import { newIcon, setIcon } from './icons.ts'
import type { Setting } from './settings.ts'

/** `group` is a group's id, and people are named by their numbers. What only admins may do others are refused, in words. */
export interface Membership {
  mayBeAdded(isAllowed: boolean): void
  /** The groups that they are in. */
  isIn(): readonly { id: string; subject: string; role: Role }[]
  /** Answers with the group's id. */
  creates(subject: string, ...numbers: readonly string[]): string
  adds(group: string, ...numbers: readonly string[]): void
  removes(group: string, ...numbers: readonly string[]): void
  promotes(group: string, ...numbers: readonly string[]): void
  demotes(group: string, ...numbers: readonly string[]): void
  leaves(group: string): void
  renames(group: string, subject: string): void
  /** Empty takes the description away. */
  describes(group: string, text: string): void
  /** Of a group, or their own; null takes it away. */
  showsPicture(image: Buffer | null, group?: string): void
  /** Only admins write from now on, or everybody again. */
  silences(group: string, isOn?: boolean): void
  /** Only admins change name, picture and description from now on, or everybody again. */
  locks(group: string, isOn?: boolean): void
  /** Only admins add others from now on, or everybody again. */
  letsOnlyAdminsAdd(group: string, isOn?: boolean): void
  setsExpiration(group: string, seconds: number): void
}

export function membershipOf(world: World, actor: Party): Membership {
  const { groups, directory } = world
  const deedIn = (id: string) => ({ world, group: groups.byMember(id, actor), actor })
  const change =
    (how: Change) =>
    (id: string, ...numbers: readonly string[]) => {
      const deed = deedIn(id)
      if (!groups.mayChange(deed, how)) throw new CannotBeDone('Only admins of this group do that.')
      const jids = numbers.flatMap((number) => directory.byNumber(number)?.jid ?? [])
      groups.change(deed, how, jids)
    }
  const set = (id: string, setting: Setting) => {
    if (!groups.set(deedIn(id), setting)) throw new CannotBeDone('Only admins of this group do that.')
  }
  return {
    mayBeAdded(isAllowed) {
      if (isAllowed) groups.shy.delete(actor)
      else groups.shy.add(actor)
    },
    isIn: () => groups.all(actor),
    creates(subject, ...numbers) {
      const jids = numbers.flatMap((number) => directory.byNumber(number)?.jid ?? [])
      return groups.create(world, actor, subject, jids).group.id
    },
    adds: change('add'),
    removes: change('remove'),
    promotes: change('promote'),
    demotes: change('demote'),
    leaves: (id) => groups.leave(deedIn(id)),
    renames: (id, text) => set(id, { what: 'subject', text }),
    describes: (id, text) => set(id, { what: 'description', text }),
    showsPicture(image, id) {
      const place = id === undefined ? actor : groups.byMember(id, actor)
      const isDone = setIcon(world, place, actor, image === null ? null : newIcon(image))
      if (!isDone) throw new CannotBeDone('Only admins of this group do that.')
    },
    silences: (id, isOn = true) => set(id, { what: 'announcement', isOn }),
    locks: (id, isOn = true) => set(id, { what: 'locked', isOn }),
    setsExpiration: (id, seconds) => set(id, { what: 'ephemeral', seconds }),
    letsOnlyAdminsAdd: (id, isOn = true) => set(id, { what: 'onlyAdminsAdd', isOn }),
  }
}
