/** What people do with groups. */
import type { Setting } from '../../control.ts'
import type { Person } from '../../whatsapp/person.ts'
import type { Whatsapp } from '../../whatsapp/whatsapp.ts'
import { call, optional } from '../call.ts'
import { anyText, groupId, name, number, numbers, oneOf, yesNo } from './fields.ts'

const deeds = { add: 'adds', remove: 'removes', promote: 'promotes', demote: 'demotes' } as const satisfies Record<
  string,
  keyof Person
>

export function aboutGroups({ person }: Whatsapp): Setting[] {
  return [
    call('group', 'Somebody makes a group.', { number, subject: name, members: numbers }, (said) => ({
      group: person(said.number).creates(said.subject, ...said.members),
    })),
    call(
      'members',
      'Somebody adds others to a group, removes them, or makes them admins or no admins.',
      { number, group: groupId, how: oneOf('add', 'remove', 'promote', 'demote'), members: numbers },
      (said) => {
        person(said.number)[deeds[said.how]](said.group, ...said.members)
        return { changed: said }
      },
    ),
    call('leave', 'Somebody leaves a group.', { number, group: groupId }, (said) => {
      person(said.number).leaves(said.group)
      return { left: said }
    }),
    call(
      'describe',
      'Somebody changes what a group is called, what it is for, and who may do what in it.',
      {
        ...{ number, group: groupId, subject: optional(name), description: optional(anyText) },
        ...{ onlyAdminsWrite: optional(yesNo), onlyAdminsChange: optional(yesNo), onlyAdminsAdd: optional(yesNo) },
      },
      (said) => {
        const actor = person(said.number)
        if (said.subject !== undefined) actor.renames(said.group, said.subject)
        if (said.description !== undefined) actor.describes(said.group, said.description)
        if (said.onlyAdminsWrite !== undefined) actor.silences(said.group, said.onlyAdminsWrite)
        if (said.onlyAdminsChange !== undefined) actor.locks(said.group, said.onlyAdminsChange)
        if (said.onlyAdminsAdd !== undefined) actor.letsOnlyAdminsAdd(said.group, said.onlyAdminsAdd)
        return { described: said }
      },
    ),
    call('shy', 'Somebody may not be added to groups, or may again.', { number, isShy: yesNo }, (said) => {
      person(said.number).mayBeAdded(!said.isShy)
      return { shy: said }
    }),
  ]
}
