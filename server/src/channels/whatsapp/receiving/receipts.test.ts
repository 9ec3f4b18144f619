/** Receipts and acknowledgements as the server sends them, and what each tells of our messages. */
import type { BinaryNode } from 'baileys'
import { describe, expect, test } from 'vitest'
import { at, earFor, plain } from '../../../../test/support/whatsapp-ear.ts'
import { ackOf } from './acks.ts'
import { receiptOf } from './receipts.ts'

const bob = '14155551234@s.whatsapp.net'
const bobsLid = '111222333444555@lid'
const group = '120363012345678901@g.us'
const t = String(Date.UTC(2026, 10, 21, 9) / 1_000)
const whenTold = '2026-11-21T09:00:00.000Z'

const node = (attrs: Record<string, string>, content?: BinaryNode['content']): BinaryNode => {
  return { tag: 'receipt', attrs: { id: 'A', from: bob, t, ...attrs }, content }
}
const told = (receipt: BinaryNode) => plain(receiptOf(receipt, earFor()))
const receipt = { kind: 'receipt', providerId: 'A', status: 'delivered', at: whenTold, detail: null }

describe('a receipt', () => {
  test.each([
    [undefined, 'delivered'],
    ['inactive', 'delivered'],
    ['read', 'read'],
    ['played', 'read'],
  ])('of the type %s says %s', (type, status) => {
    expect(told(node(type === undefined ? {} : { type }))).toEqual([{ ...receipt, status }])
  })

  test.each(['read-self', 'played-self', 'sender', 'peer_msg', 'hist_sync', 'retry', 'server-error', 'constructor'])(
    'of the type %s says nothing of ours',
    (type) => {
      expect(told(node({ type }))).toEqual([])
    },
  )

  test('is for all the messages it lists, each of them once', () => {
    const items = ['B', 'C', 'A', ''].map((id) => ({ tag: 'item', attrs: { id } }))
    const ids = told(node({ type: 'read' }, [{ tag: 'list', attrs: {}, content: items }]))
    expect(ids).toEqual(['A', 'B', 'C'].map((providerId) => ({ ...receipt, providerId, status: 'read' })))
  })

  test('of absurd length is read as far as a thousand', () => {
    const items = Array.from({ length: 5_000 }, (_, nth) => ({ tag: 'item', attrs: { id: `B${nth}` } }))
    expect(told(node({}, [{ tag: 'list', attrs: {}, content: items }])).length).toBe(1_000)
  })

  test('in a group says whose it is, and that they have two names', () => {
    const whose = { ...receipt, from: '+14155551234' }
    const pair = { kind: 'handle', alias: bobsLid, phone: '+14155551234' }
    expect(told(node({ from: group, participant: '111222333444555:2@lid' }))).toEqual([{ ...receipt, from: bobsLid }])
    expect(told(node({ from: group, participant: bobsLid, participant_pn: bob }))).toEqual([pair, whose])
  })

  test('of several members at once says for each what and when', () => {
    const user = (jid: string, when = t) => ({ tag: 'user', attrs: { jid, t: when } })
    const read = { tag: 'participants', attrs: { key: 'B' }, content: [user(bobsLid), user('900000000000001@lid')] }
    const other = { tag: 'participants', attrs: { key: 'C' }, content: [user(bob, String(Number(t) + 60))] }
    expect(told(node({ from: group, type: 'read' }, [read, other]))).toEqual([
      { ...receipt, providerId: 'B', status: 'read', from: bobsLid },
      { ...receipt, providerId: 'C', status: 'read', from: '+14155551234', at: '2026-11-21T09:01:00.000Z' },
    ])
  })

  test.each([
    ['from another device of ours', { from: '16282895642:3@s.whatsapp.net' }],
    ['from another device of ours, by LID', { from: '900000000000001:3@lid' }],
    ['from another device of ours in a group', { from: group, participant: '900000000000001@lid' }],
    ['for what somebody wrote to us', { recipient: bob }],
    ['for a status update', { from: 'status@broadcast', participant: bob }],
    ['from nobody', { from: '' }],
    ['for nothing', { id: '' }],
  ])('%s says nothing', (_, attrs) => {
    expect(told(node(attrs))).toEqual([])
  })

  test.each(['', '0', '-1', 'soon', '99999999999', '1e9'])('at no such time as %s is one of now', (when) => {
    expect(told(node({ t: when }))).toEqual([{ ...receipt, at: at.toISOString() }])
  })
})

test('an acknowledgement says what the server took, and why it did not', () => {
  const ack = (attrs: Record<string, string>) => ackOf({ tag: 'ack', attrs })
  expect(ack({ class: 'message', id: 'A' })).toEqual({ id: 'A', error: null })
  expect(ack({ class: 'message', id: 'A', error: '463' })).toEqual({ id: 'A', error: '463' })
  expect([ack({ class: 'receipt', id: 'A' }), ack({ class: 'message' })]).toEqual([null, null])
})
