/** What a change makes of a group, when two tellings are one change, and which of them is told. */
import { describe, expect, test } from 'vitest'
import {
  type ChatChange,
  captured,
  changed,
  changeKey,
  changes,
  memberOf,
  membersOf,
  type Ourselves,
  ownName,
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
const rank = (member: Participant): ChatChange => ({ what: 'rank', member })

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
    ['ourselves, who are there already', joined(us)],
    ['a photo without its bytes', photo('x')],
    ['no photo', removed],
    ['the rank they have', rank(ada)],
    ['a rank of somebody who is not there', rank({ ...bob, admin: 'admin' })],
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
    ['ourselves, who leave', left(us), true],
    ['ourselves, who are there', joined(us), false],
    ['another rank', rank({ ...ada, admin: 'admin' }), true],
    ['the same rank', rank(ada), false],
  ])('%s changes something: %j → %j', (_what, change, expected) => {
    expect(changes(group, change)).toBe(expected)
  })
})

describe('a photo', () => {
  const seen = (mark: string | null, hash: string): ChatChange => ({
    what: 'photo',
    photo: { mark, url: null, file: { hash, mimeType: 'image/png' } },
  })
  const shows = (mark: string | null, hash: string) => ({ ...group, photo: { mark, hash, mimeType: 'image/png' } })

  test.each<[string, Conversation, ChatChange, Conversation]>([
    ['is shown', group, seen('x', 'h1'), shows('x', 'h1')],
    ['takes the place of another', shows('x', 'h1'), seen('y', 'h2'), shows('y', 'h2')],
    ['takes the place of another without a mark', shows(null, 'h1'), seen(null, 'h2'), shows(null, 'h2')],
    ['is removed', shows('x', 'h1'), removed, group],
    ['takes another away even without its bytes', shows('x', 'h1'), photo('y'), group],
    ['takes another away even without bytes and mark', shows(null, 'h1'), photo(null), group],
  ])('%s', (_what, before, change, after) => {
    expect(changed(before, change)).toEqual(after)
  })

  test.each<[string, Conversation, ChatChange]>([
    ['the same again', shows('x', 'h1'), seen('x', 'h1')],
    ['the same again, without its bytes', shows('x', 'h1'), photo('x')],
    ['the same bytes without a mark', shows(null, 'h1'), seen(null, 'h1')],
  ])('changes nothing: %s', (_what, before, change) => {
    expect(changed(before, change)).toBe(before)
  })

  test('whose bytes come later is shown then, and nothing else is changed by them', () => {
    expect(captured(group, seen('x', 'h1'))).toEqual(shows('x', 'h1'))
    const known = shows('x', 'h1')
    for (const change of [seen('x', 'h2'), removed, photo('x'), title('Garden')])
      expect(captured(known, change)).toBe(known)
    expect(captured(group, title('Garden'))).toBe(group)
  })
})

test('while we are out of a group, that is kept, and nobody else is touched', () => {
  const out = changed(group, left(us))
  expect(out).toEqual({ ...group, absent: true })
  expect([changed(out, left(us)), changed(out, joined(us))]).toEqual([out, group])
})

test('a rank is all that changes, and an owner is who made the group', () => {
  const owner = { ...ada, role: 'owner' as const, admin: 'superadmin' as const }
  expect(changed({ ...group, participants: [{ ...ada, contactId: 'c1' }, bob] }, rank(owner)).participants).toEqual([
    { ...owner, contactId: 'c1' },
    bob,
  ])
})

test('anybody may leave a group of which nobody has told who is in it', () => {
  const unheard = { ...group, unheard: true as const }
  expect([changes(unheard, left(bob)), changes(unheard, joined(ada))]).toEqual([true, false])
})

describe('the key', () => {
  const key = changeKey

  test('is the same for the same change', () => {
    expect(key(title(' Garden'))).toBe(key(title('Garden')))
    expect(key(joined({ ...ada, admin: 'admin' }))).toBe(key(joined(ada)))
    expect(key(photo('x'))).toBe(key({ what: 'photo', photo: { mark: 'x', url: 'https://files.test/x' } }))
  })

  test('is another for every other change', () => {
    const all = [title('A'), title('B'), photo('A'), photo(null), removed, joined(ada), left(ada), joined(bob)]
    expect(new Set(all.map(key)).size).toBe(all.length)
  })
})

test('whoever made a group is its owner, where the network says so', () => {
  const told = (admin: Participant['admin']) => ({ handle: ada.handle, phoneKnown: true, admin })
  const nobody = { address: null, email: null }
  const roles = membersOf({ members: [told(null), told('admin'), told('superadmin')] }, nobody).map(({ role }) => role)
  expect(roles).toEqual(['member', 'member', 'owner'])
})

test('a roster may list ourselves by either of our names, and we are not in it', () => {
  const told = [ada, bob].map(({ handle }) => ({ handle, phoneKnown: true, admin: null }))
  const handles = (us: Ourselves) => membersOf({ members: told }, us).map(({ handle }) => handle)
  expect(handles({ address: ada.handle })).toEqual([bob.handle])
  expect(handles({ address: null, email: bob.handle })).toEqual([ada.handle])
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

test('a line is called by its number, and by its e-mail address where it has no number', () => {
  const [phone, email] = ['+15550100100', 'owner@example.com'] as [Handle, Handle]
  expect(ownName({ address: phone, email })).toBe(phone)
  expect(ownName({ address: null, email })).toBe(email)
  expect(ownName({ address: null })).toBeNull()
})
