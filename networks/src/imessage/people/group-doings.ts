/** What people do to groups on their phones. */
import { arrive, prefixOf } from '../mac/arriving.ts'
import { type Change, changeGroup } from '../mac/groups.ts'
import { CannotBeDone, type World } from '../world.ts'
import type { Party } from './party.ts'

export interface GroupDoings {
  /** With these others and the line; it is told by its first message. Resolves with the guid of the chat. */
  startsGroup(others: readonly string[], first?: { name?: string; text?: string }): string
  addsTo(group: string, address: string): void
  removes(group: string, address: string): void
  /** The line itself is taken out. */
  removesLine(group: string): void
  renames(group: string, name: string): void
  leaves(group: string): void
  setsIcon(group: string, bytes: Buffer | null): void
}

export function groupDoings(world: World, { address }: Party): GroupDoings {
  const { store } = world
  const groupIn = (guid: string) => {
    const chat = store.chat(guid)
    const handle = chat?.participants.find((one) => one.address === address)
    if (chat === null || handle === undefined || !chat.isGroup) throw new CannotBeDone('They are in no such group.')
    return { chat, handle }
  }
  const change = (guid: string, made: Change) => {
    const { chat, handle } = groupIn(guid)
    if (!chat.hasLeft && world.mac.isRegistered) changeGroup(world, chat, handle, made)
  }
  return {
    startsGroup(others, { name, text = 'Hello' } = {}) {
      const participants = [address, ...others.filter((one) => one !== address)]
      const isUnknown = participants.find((one) => !world.parties.isReachable(one))
      if (isUnknown !== undefined) throw new CannotBeDone(`${isUnknown} is not on iMessage.`)
      if (participants.length < 2) throw new CannotBeDone('A group has at least three people, the line among them.')
      const prefix = prefixOf(world, 'iMessage')
      const chat =
        store.groupOf(participants) ?? store.addChat({ participants, isGroup: true, kind: 'iMessage', prefix })
      const handle = store.handleOf(address, 'iMessage')
      arrive(world, handle, { chat, text, runs: [{ start: 0, length: text.length, part: 0 }] })
      if (name !== undefined) changeGroup(world, chat, handle, { kind: 'renamed', name })
      return chat.guid
    },
    addsTo: (guid, other) => change(guid, { kind: 'added', address: other }),
    removes: (guid, other) => change(guid, { kind: 'removed', address: other }),
    removesLine(guid) {
      const { chat } = groupIn(guid)
      // The row names nobody: the owner has no handle of their own.
      change(guid, { kind: 'removed', address: world.mac.aliases[0] ?? '' })
      chat.hasLeft = true
    },
    renames: (guid, name) => change(guid, { kind: 'renamed', name }),
    leaves: (guid) => change(guid, { kind: 'left' }),
    setsIcon: (guid, bytes) => change(guid, { kind: 'icon', bytes }),
  }
}
