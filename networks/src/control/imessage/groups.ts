/** What people do to groups on their phones. */
import type { Setting } from '../../control.ts'
import type { ImessageNetwork } from '../../imessage/imessage.ts'
import { call, optional } from '../call.ts'
import { bytesOrNull, group, name, oneOf, people, person, text } from './fields.ts'

export function aboutGroups({ person: somebody }: ImessageNetwork): Setting[] {
  return [
    call(
      'group',
      'Somebody begins a group with others and the line, and writes into it.',
      { person, others: people, name: optional(name), text: optional(text) },
      ({ person: by, others, ...first }) => ({ group: somebody(by).startsGroup(others, first) }),
    ),
    call(
      'members',
      'Somebody adds others to a group, or removes them.',
      { person, group, how: oneOf('add', 'remove'), members: people },
      (said) => {
        const by = somebody(said.person)
        for (const one of said.members) said.how === 'add' ? by.addsTo(said.group, one) : by.removes(said.group, one)
        return { changed: said }
      },
    ),
    call('remove-line', 'Somebody takes the line out of a group.', { person, group }, (said) => {
      somebody(said.person).removesLine(said.group)
      return { removed: said }
    }),
    call('rename', 'Somebody renames a group.', { person, group, name }, (said) => {
      somebody(said.person).renames(said.group, said.name)
      return { renamed: said }
    }),
    call('leave', 'Somebody leaves a group.', { person, group }, (said) => {
      somebody(said.person).leaves(said.group)
      return { left: said }
    }),
    call(
      'icon',
      'Somebody gives a group another picture, or none with null.',
      { person, group, bytes: bytesOrNull },
      (said) => {
        somebody(said.person).setsIcon(said.group, said.bytes === null ? null : Buffer.from(said.bytes, 'base64'))
        return { shown: { person: said.person, group: said.group } }
      },
    ),
  ]
}
