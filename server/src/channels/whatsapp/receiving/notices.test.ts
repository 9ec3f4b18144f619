/** Notifications of groups, people and typing as the server sends them, and what each tells. */
import type { BinaryNode } from 'baileys'
import { describe, expect, test } from 'vitest'
import { at, earFor, plain } from '../../../../test/support/whatsapp-ear.ts'
import { noticesOf, touches, typingOf } from './notices.ts'

const bob = '14155551234@s.whatsapp.net'
const bobsLid = '111222333444555@lid'
const carol = '14155559876@s.whatsapp.net'
const carolsLid = '222333444555666@lid'
const ourLid = '900000000000001@lid'
const group = '120363012345678901@g.us'
const t = String(Date.UTC(2026, 10, 21, 9) / 1_000)

const notice = (content: BinaryNode[], attrs: Record<string, string> = {}): BinaryNode => ({
  tag: 'notification',
  attrs: { id: '77', type: 'w:gp2', from: group, participant: bobsLid, t, ...attrs },
  content,
})
const deed = (tag: string, members: Record<string, string>[] = [], attrs: Record<string, string> = {}): BinaryNode => {
  return { tag, attrs, content: members.map((member) => ({ tag: 'participant', attrs: member })) }
}
const told = (node: BinaryNode) => plain(noticesOf(node, earFor()))
const change = (what: object, more: object = {}) => {
  const about = { kind: 'chat', providerId: '77', chat: group, actor: bobsLid, at: '2026-11-21T09:00:00.000Z' }
  return { ...about, change: what, ...more }
}
const bobs = { kind: 'handle', alias: bobsLid, phone: '+14155551234' }
const carols = { kind: 'handle', alias: carolsLid, phone: '+14155559876' }

describe('of a group', () => {
  test('a new name is told', () => {
    expect(told(notice([deed('subject', [], { subject: 'Launch' })]))).toEqual([
      change({ what: 'title', title: 'Launch' }),
    ])
  })

  test.each([
    ['add', { what: 'joined' }],
    ['remove', { what: 'left' }],
    ['leave', { what: 'left' }],
    ['promote', { what: 'rank', admin: 'admin' }],
    ['demote', { what: 'rank', admin: null }],
  ])('%s is told of each member, by their numbers as far as they are shown', (tag, what) => {
    const members: Record<string, string>[] = [{ jid: carolsLid, phone_number: carol }, { jid: '333444555666777@lid' }]
    expect(told(notice([deed(tag, members)], { participant_pn: bob }))).toEqual([
      bobs,
      carols,
      change({ ...what, member: '+14155559876' }, { actor: '+14155551234' }),
      change({ ...what, member: '333444555666777@lid' }, { actor: '+14155551234' }),
    ])
  })

  test('we are told of by our number, whatever name the group has for us', () => {
    const removed = notice([deed('remove', [{ jid: ourLid, phone_number: bob }])], { participant: ourLid })
    expect(told(removed)).toEqual([change({ what: 'left', member: '+16282895642' }, { actor: '+16282895642' })])
  })

  test('somebody who leaves without being named is whoever did it', () => {
    expect(told(notice([deed('leave')]))).toEqual([change({ what: 'left', member: bobsLid })])
  })

  test('that was made, who is in it is learned, and that we are', () => {
    const members: Record<string, string>[] = [{ jid: carolsLid, phone_number: carol }, { jid: ourLid }]
    const made: BinaryNode = {
      tag: 'create',
      attrs: {},
      content: [deed('group', members, { id: '1203', subject: 'New' })],
    }
    expect(told(notice([made]))).toEqual([carols, change({ what: 'joined', member: '+16282895642' })])
  })

  test('a picture is told with its mark and can be had, and that it is gone', async () => {
    const attrs = { type: 'picture', participant: '' }
    const set = notice([{ tag: 'set', attrs: { id: 'P1', author: carolsLid } }], attrs)
    const [event] = noticesOf(set, earFor({ picture: Buffer.from('a picture') }))
    expect(event).toMatchObject(
      change({ what: 'photo', photo: { mark: 'P1', url: null } }, { actor: carolsLid, at: {} }),
    )
    if (event?.kind !== 'chat' || event.change.what !== 'photo' || event.change.photo === 'removed')
      throw new Error('?')
    expect(Buffer.concat((await (await event.change.photo.open?.())?.toArray()) ?? []).toString()).toBe('a picture')
    const deleted = notice([{ tag: 'delete', attrs: {} }], { type: 'picture' })
    expect(told(deleted)).toEqual([change({ what: 'photo', photo: 'removed' })])
  })

  test.each(['locked', 'announcement', 'description', 'ephemeral', 'invite', 'modify', 'constructor'])(
    'nothing is told of %s',
    (tag) => {
      expect(told(notice([deed(tag, [{ jid: carolsLid }])]))).toEqual([])
    },
  )

  test('whatever changes, what was known of it counts no more', () => {
    expect(touches(notice([deed('locked')]))).toBe(group)
    expect(touches(notice([], { type: 'picture' }))).toBeNull()
    expect(touches(notice([], { from: bob }))).toBeNull()
  })

  test('a time that cannot be is now, and without an id there is none', () => {
    const odd = notice([deed('subject', [], { subject: 'x'.repeat(5_000) })], { t: 'soon', id: '', participant: '' })
    const title = 'x'.repeat(1_024)
    const rest = { at: at.toISOString(), providerId: null, actor: null }
    expect(told(odd)).toEqual([change({ what: 'title', title }, rest)])
  })
})

describe('of people', () => {
  test.each([
    ['devices', { from: '14155551234:2@s.whatsapp.net', lid: bobsLid }],
    ['encrypt', { from: bobsLid, sender_pn: bob }],
    ['privacy_token', { from: bob, sender_lid: bobsLid }],
  ])('%s tells that somebody has two names', (type, attrs) => {
    expect(told(notice([], { type, participant: '', ...attrs }))).toEqual([bobs])
  })

  test('nothing else is told', () => {
    expect(told(notice([{ tag: 'set', attrs: { id: 'P1' } }], { type: 'picture', from: bob }))).toEqual([])
    expect(told(notice([deed('add', [{ jid: carolsLid }])], { from: bob }))).toEqual([])
    expect(told(notice([], { type: 'devices', from: ourLid, lid: '16282895642@s.whatsapp.net' }))).toEqual([])
    expect(told(notice([], { type: 'server_sync', from: 's.whatsapp.net' }))).toEqual([])
  })
})

describe('typing', () => {
  const typed = async (attrs: Record<string, string>, tag: string, numbers = {}) => {
    const node = { tag: 'chatstate', attrs, content: [{ tag, attrs: {} }] }
    return plain(await typingOf(node, earFor({ numbers })))
  }
  const typing = { kind: 'typing', chat: bob, from: '+14155551234', typing: true }

  test('comes and goes, and to record is to type', async () => {
    expect(await typed({ from: bob }, 'composing')).toEqual([typing])
    expect(await typed({ from: bob }, 'recording')).toEqual([typing])
    expect(await typed({ from: bob }, 'paused')).toEqual([{ ...typing, typing: false }])
  })

  test('is told of the chat in which they write, whatever name is shown', async () => {
    expect(await typed({ from: bobsLid }, 'composing', { [bobsLid]: bob })).toEqual([bobs, typing])
    expect(await typed({ from: bobsLid }, 'composing')).toEqual([{ ...typing, chat: bobsLid, from: bobsLid }])
    expect(await typed({ from: group, participant: bobsLid, participant_pn: bob }, 'composing')).toEqual([
      bobs,
      { ...typing, chat: group },
    ])
  })

  test('of ours, of nobody and of another kind is not told', async () => {
    expect(await typed({ from: '16282895642:2@s.whatsapp.net' }, 'composing')).toEqual([])
    expect(await typed({ from: group, participant: ourLid }, 'composing')).toEqual([])
    expect(await typed({ from: group }, 'composing')).toEqual([])
    expect(await typed({ from: bob }, 'dreaming')).toEqual([])
  })
})
