/** JIDs, LIDs, devices and ids of messages: what each is called here, and back again. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../model/ids.ts'
import { chatOf, handleOf, isGroup, isUs, jidOf, keyOfTarget, nameIn, pairOf, personOf, providerIdOf } from './names.ts'

const us = { pn: '16282895642', lid: '900000000000001' }
const bob = '14155551234@s.whatsapp.net'
const bobsLid = '111222333444555@lid'
const group = '120363012345678901@g.us'

describe('a person', () => {
  test.each([
    [bob, undefined, '+14155551234'],
    ['14155551234:12@s.whatsapp.net', undefined, '+14155551234'],
    ['14155551234_1:12@s.whatsapp.net', undefined, '+14155551234'],
    ['14155551234.0:12@s.whatsapp.net', undefined, '+14155551234'],
    ['14155551234@c.us', undefined, '+14155551234'],
    ['14155551234:99@hosted', undefined, '+14155551234'],
    [bobsLid, undefined, bobsLid],
    ['111222333444555:3@lid', undefined, bobsLid],
    ['111222333444555:99@hosted.lid', null, bobsLid],
    [bobsLid, bob, '+14155551234'],
    [bob, bobsLid, '+14155551234'],
    [bobsLid, group, bobsLid],
    [bobsLid, 'nonsense', bobsLid],
    ['+14155551234', undefined, '+14155551234'],
    [group, bob, null],
    ['status@broadcast', undefined, null],
    ['120363012345678901@newsletter', undefined, null],
    ['0@c.us', undefined, null],
    ['867051314767696@bot', undefined, null],
    ['s.whatsapp.net', undefined, null],
    ['1234567890123456@s.whatsapp.net', undefined, null],
    ['14155551234@s.whatsapp.net.evil.test', undefined, null],
    [`${bob}\n`, undefined, null],
    ['', undefined, null],
    [undefined, bob, null],
    [5, bob, null],
  ])('named %s and %s is %s', (jid, alt, handle) => {
    expect(handleOf(jid, alt)).toBe(handle)
  })

  test('is us by either name, and then goes by our number', () => {
    expect(isUs(nameIn('16282895642:4@s.whatsapp.net'), us)).toBe(true)
    expect(isUs(nameIn('900000000000001@lid'), us)).toBe(true)
    expect(isUs(nameIn('16282895642@lid'), us)).toBe(false)
    expect(isUs(nameIn('16282895642@lid'), { ...us, lid: null })).toBe(false)
    expect(isUs(nameIn('16282895642-1600000000@g.us'), us)).toBe(false)
    expect([personOf(us, '900000000000001:1@lid'), personOf(us, bobsLid, bob)]).toEqual([
      '+16282895642',
      '+14155551234',
    ])
  })

  test('has a pair of names when both are shown, and we have none', () => {
    const pair = { alias: bobsLid, phone: '+14155551234' }
    expect([pairOf(us, bobsLid, bob), pairOf(us, bob, bobsLid)]).toEqual([pair, pair])
    expect([pairOf(us, bob, bob), pairOf(us, bob, null), pairOf(us, group, bobsLid)]).toEqual([null, null, null])
    expect(pairOf(us, '900000000000001@lid', '16282895642@s.whatsapp.net')).toBeNull()
    expect(pairOf(us, bobsLid, '16282895642@s.whatsapp.net')).toBeNull()
  })
})

describe('a chat', () => {
  test.each([
    ['14155551234:2@s.whatsapp.net', undefined, bob],
    [bobsLid, undefined, bobsLid],
    [bobsLid, bob, bob],
    [group, undefined, group],
    ['16282895642-1600000000@g.us', bob, '16282895642-1600000000@g.us'],
    ['1600000000@broadcast', undefined, null],
  ])('named %s and %s is %s', (jid, alt, chat) => {
    expect(chatOf(jid, alt)).toBe(chat)
  })

  test('and a person are called by their JIDs again', () => {
    const names = ['+14155551234', bob, bobsLid, group, '14155551234:3@s.whatsapp.net', 'bob@example.com']
    expect(names.map((name) => jidOf(name as Handle))).toEqual([bob, bob, bobsLid, group, bob, null])
    expect([isGroup(group), isGroup(bob), isGroup(`${group}x`)]).toEqual([true, false, false])
  })
})

describe('a message', () => {
  const id = '3EB0C767D82B4F1A2E'

  test.each([
    ['theirs in a chat of two', { id, remoteJid: bob, fromMe: false }, id],
    ['ours in a chat of two', { id, remoteJid: bobsLid, fromMe: true }, id],
    ['ours in a group', { id, remoteJid: group, fromMe: true, participant: bobsLid }, id],
    ['ours, under our own name', { id, remoteJid: group, participant: '900000000000001:2@lid' }, id],
    ['theirs in a group', { id, remoteJid: group, participant: '111222333444555:7@lid' }, `${id}_${bobsLid}`],
    ['theirs in a group of numbers', { id, remoteJid: group, participant: bob }, `${id}_${bob}`],
    ['in a group, by nobody', { id, remoteJid: group }, null],
    ['in a group, by a group', { id, remoteJid: group, participant: group }, null],
    ['without an id', { id: '', remoteJid: bob }, null],
    ['with an id of absurd length', { id: 'A'.repeat(129), remoteJid: bob }, null],
    ['nowhere', { id, remoteJid: 'status@broadcast', participant: bob }, null],
  ])('%s has its own id', (_, key, expected) => {
    expect(providerIdOf(key, us)).toBe(expected)
  })

  test('whose author chose the id cannot pass for one of a group', () => {
    const forged = providerIdOf({ id: `${id}_${bobsLid}`, remoteJid: bob, fromMe: true }, us)
    expect(forged).toBe(`${id}%005f111222333444555%0040lid`)
    expect(forged).not.toBe(providerIdOf({ id, remoteJid: group, participant: bobsLid }, us))
  })

  const target = (chat: string, providerId: string, fromMe: boolean) =>
    keyOfTarget({ chat: chat as ProviderChatId, providerId: providerId as ProviderMessageId, fromMe })

  test.each([
    [bob, id, true, { remoteJid: bob, id, fromMe: true }],
    ['+14155551234', id, false, { remoteJid: bob, id, fromMe: false }],
    [group, id, true, { remoteJid: group, id, fromMe: true }],
    [group, `${id}_${bobsLid}`, false, { remoteJid: group, id, fromMe: false, participant: bobsLid }],
    [group, id, false, null],
    [group, `${id}_${bobsLid}`, true, null],
    [bob, `${id}_${bobsLid}`, false, null],
    [bob, '', false, null],
    [bob, 'no such id', false, null],
    ['status@broadcast', id, false, null],
  ])('in %s called %s is found again', (chat, providerId, fromMe, key) => {
    expect(target(chat, providerId, fromMe)).toEqual(key)
  })

  test('of any id is found again under it, and of two ids each has a name of its own', () => {
    const ids = fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }).filter((one) => one.length <= 128)
    const chats = fc.constantFrom([bob, undefined] as const, [group, bobsLid] as const, [group, bob] as const)
    fc.assert(
      fc.property(ids, ids, chats, (one, other, [remoteJid, participant]) => {
        const named = providerIdOf({ id: one, remoteJid, participant }, us)
        const key = { remoteJid, id: one, fromMe: false, ...(participant !== undefined && { participant }) }
        expect(target(remoteJid, named ?? '', false)).toEqual(key)
        expect(named === providerIdOf({ id: other, remoteJid, participant }, us)).toBe(one === other)
      }),
    )
  })
})
