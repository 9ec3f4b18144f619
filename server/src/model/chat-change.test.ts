/** What a change makes of a group, when two tellings are one change, and which of them is told. */
import { describe, expect, test } from 'vitest'
import {
  type ChatChange,
  changed,
  changeKey,
  changes,
  isNews,
  memberOf,
  membersOf,
  type Seen,
  underNumber,
} from './chat-change.ts'
import type { Conversation, Participant } from './conversation.ts'
import type { Handle } from './ids.ts'

const ada = memberOf('+15550100177' as Handle)
const bob = memberOf('77@lid' as Handle)
const us: Participant = { ...memberOf('self' as Handle, true), role: 'self' }

const group = {
  id: 'c1',
  customerId: 'cu',
  lineId: 'l',
  channel: 'whatsapp',
  providerChatId: 'chat@g.us',
  isGroup: true,
  name: 'Kitchen',
  participants: [ada],
} as unknown as Conversation

const title = (name: string): ChatChange => ({ what: 'title', title: name })
const photo = (mark: string | null): ChatChange => ({ what: 'photo', photo: { mark, url: null } })
const removed: ChatChange = { what: 'photo', photo: 'removed' }
const joined = (member: Participant): ChatChange => ({ what: 'joined', member })
const left = (member: Participant): ChatChange => ({ what: 'left', member })

describe('a change', () => {
  test('of the title is the new name', () => {
    expect(changed(group, title('Garden'))).toEqual({ ...group, name: 'Garden' })
    expect(changed({ ...group, name: null }, title('')).name).toBe('')
  })

  test('of the members leaves the others as they are', () => {
    expect(changed(group, joined(bob)).participants).toEqual([ada, bob])
    expect(changed(group, left(ada)).participants).toEqual([])
  })

  test.each<[string, ChatChange]>([
    ['the same title', title('Kitchen')],
    ['the same title, trimmed by the network', title(' Kitchen ')],
    ['somebody who is there already', joined({ ...ada, admin: 'admin' })],
    ['somebody who is not there', left(bob)],
    ['ourselves', joined(us)],
    ['a photo', photo('x')],
  ])('leaves the conversation itself untouched: %s', (_what, change) => {
    expect(changed(group, change)).toBe(group)
  })

  test('in letters that only look the same is the same', () => {
    const composed = { ...group, name: 'Caf\u00e9' }
    expect(changed(composed, title('Cafe\u0301'))).toBe(composed)
  })

  test.each<[string, ChatChange, boolean]>([
    ['another title', title('Garden'), true],
    ['the same title', title('Kitchen'), false],
    ['somebody new', joined(bob), true],
    ['somebody who is there', joined(ada), false],
    ['somebody who leaves', left(ada), true],
    ['somebody who is gone', left(bob), false],
    ['a photo', photo('x'), true],
    ['no photo', removed, true],
    ['ourselves, of whom nothing is kept', left(us), true],
  ])('%s changes something: %j → %j', (_what, change, expected) => {
    expect(changes(group, change)).toBe(expected)
  })
})

describe('the key', () => {
  const key = (change: ChatChange) => changeKey(group, change)

  test('is the same for the same change', () => {
    expect(key(title(' Garden'))).toBe(key(title('Garden')))
    expect(key(joined({ ...ada, admin: 'admin' }))).toBe(key(joined(ada)))
    expect(key(photo('x'))).toBe(key({ what: 'photo', photo: { mark: 'x', url: 'https://files.test/x' } }))
  })

  test('is another for every other change', () => {
    const all = [title('A'), title('B'), photo('A'), photo(null), removed, joined(ada), left(ada), joined(bob)]
    const keys = [...all.map(key), changeKey({ ...group, id: 'c2' as Conversation['id'] }, title('A'))]
    expect(new Set(keys).size).toBe(keys.length)
  })
})

test.each<[Seen, boolean]>([
  [{ seen: null, origin: 'network', changes: true }, true],
  [{ seen: null, origin: 'caller', changes: true }, true],
  [{ seen: null, origin: 'network', changes: false }, false],
  [{ seen: null, origin: 'caller', changes: false }, false],
  [{ seen: 'network', origin: 'network', changes: true }, true],
  [{ seen: 'caller', origin: 'caller', changes: true }, true],
  [{ seen: 'network', origin: 'network', changes: false }, false],
  [{ seen: 'caller', origin: 'caller', changes: false }, false],
  [{ seen: 'caller', origin: 'network', changes: true }, false],
  [{ seen: 'caller', origin: 'network', changes: false }, false],
  [{ seen: 'network', origin: 'caller', changes: true }, false],
  [{ seen: 'network', origin: 'caller', changes: false }, false],
])('%j is news: %j', (facts, expected) => {
  expect(isNews(facts)).toBe(expected)
})

test('whoever made a group is its owner, where the network says so', () => {
  const told = (admin: Participant['admin']) => ({ handle: ada.handle, phoneKnown: true, admin })
  const roles = membersOf({ members: [told(null), told('admin'), told('superadmin')] }).map(({ role }) => role)
  expect(roles).toEqual(['member', 'member', 'owner'])
})

describe('a name that turns out to have a number', () => {
  const phone = '+15550100178' as Handle
  const join = (...participants: Participant[]) =>
    underNumber({ ...group, participants }, bob.handle, phone).participants

  test('is replaced by it, in its place', () => {
    expect(join(bob, ada)).toEqual([{ ...bob, handle: phone, phoneKnown: true }, ada])
  })

  test('changes nothing where it is not', () => {
    const without = { ...group, participants: [ada] }
    expect(underNumber(without, bob.handle, phone)).toBe(without)
  })

  test('is one with the number that is there too, with the higher rank and the contact of either', () => {
    const numbered = { ...memberOf(phone), admin: 'admin' as const, contactId: 'c1' }
    expect(join(bob, ada, numbered)).toEqual([{ ...numbered, phoneKnown: true }, ada])
    const owner = { ...bob, role: 'owner' as const, admin: 'superadmin' as const }
    expect(join(numbered, owner)).toEqual([{ ...numbered, role: 'owner', admin: 'superadmin' }])
  })
})
