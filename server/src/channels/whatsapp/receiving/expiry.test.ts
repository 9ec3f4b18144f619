/** How long messages stay: where it is said, what is believed, and what counts when several things are said. */
import { proto } from 'baileys'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { at, earFor, heardOf } from '../../../../test/support/whatsapp-ear.ts'
import type { ProviderChatId } from '../../../model/ids.ts'
import { type Expiry, expiryOf, expiryOfNotice, newerExpiry } from './expiry.ts'

const bob = '14155551234@s.whatsapp.net'
const bobsLid = '111222333444555@lid'
const group = '120363012345678901@g.us'
const { EPHEMERAL_SETTING, REVOKE } = proto.Message.ProtocolMessage.Type
const day = 86_400
const before = at.getTime() / 1_000 - 600

const seen = (message: proto.IMessage, key: object = { remoteJid: bob }) => expiryOf(heardOf(key, message), earFor())
const text = (contextInfo: proto.IContextInfo) => ({ extendedTextMessage: { text: 'x', contextInfo } })
const setting = (more: object) => ({ protocolMessage: { type: EPHEMERAL_SETTING, ...more } })

describe('a message tells it', () => {
  test.each<[string, proto.IMessage, number, number]>([
    ['by being sent so', text({ expiration: day }), day, 0],
    ['with the time it was set', text({ expiration: day, ephemeralSettingTimestamp: before }), day, 600],
    ['with a time to come', text({ expiration: day, ephemeralSettingTimestamp: before + 9_999 }), day, 0],
    ['under a picture', { imageMessage: { contextInfo: { expiration: day } } }, day, 0],
    ['wrapped', { ephemeralMessage: { message: text({ expiration: day }) } }, day, 0],
    ['as a setting', setting({ ephemeralExpiration: 7 * day, ephemeralSettingTimestamp: before }), 7 * day, 600],
    ['as a setting that it ends', setting({ ephemeralExpiration: 0 }), 0, 0],
    ['as a setting without a word', setting({}), 0, 0],
  ])('%s', async (_, message, seconds, agoSeconds) => {
    const since = new Date(at.getTime() - agoSeconds * 1_000)
    expect(await seen(message)).toEqual({ chat: bob, seconds, at: since })
  })

  test.each<[string, proto.IMessage]>([
    ['a text', { conversation: 'x' }],
    ['a text in a context', text({ mentionedJid: [bob] })],
    ['an absurd time', text({ expiration: 4_000_000_000 })],
    ['something else between devices', { protocolMessage: { type: REVOKE, ephemeralExpiration: day } }],
    ['nothing', {}],
  ])('not by %s', async (_, message) => {
    expect(await seen(message)).toBeNull()
  })

  test('of the chat by the name that messages there go by, our own too', async () => {
    const chat = async (key: object) => (await seen(text({ expiration: day }), key))?.chat
    expect(await chat({ remoteJid: bobsLid, remoteJidAlt: bob })).toBe(bob)
    expect(await chat({ remoteJid: bobsLid, remoteJidAlt: '16282895642@s.whatsapp.net', fromMe: true })).toBe(bobsLid)
    expect(await chat({ remoteJid: group, participant: bobsLid })).toBe(group)
    expect(await chat({ remoteJid: 'status@broadcast', participant: bob })).toBeUndefined()
    expect(await chat({})).toBeUndefined()
    const known = earFor({ numbers: { [bobsLid]: bob } })
    const heard = heardOf({ remoteJid: bobsLid }, text({ expiration: day }))
    expect((await expiryOf(heard, known))?.chat).toBe(bob)
  })
})

test('a group tells it by a notification', () => {
  const told = (tag: string, expiration?: string, type = 'w:gp2') => {
    const attrs: Record<string, string> = expiration === undefined ? {} : { expiration }
    const node = { tag: 'notification', attrs: { from: group, type, t: String(before) }, content: [{ tag, attrs }] }
    return expiryOfNotice(node, earFor())
  }
  const since = new Date(before * 1_000)
  expect(told('ephemeral', '604800')).toEqual({ chat: group, seconds: 604_800, at: since })
  expect(told('not_ephemeral')).toEqual({ chat: group, seconds: 0, at: since })
  expect([told('ephemeral', 'soon'), told('ephemeral', '-5'), told('subject'), told('ephemeral', '5', 'x')]).toEqual([
    ...[null, null, null, null],
  ])
})

test('what was set last counts, in whatever order it is heard of', () => {
  const settings = fc.uniqueArray(fc.record({ seconds: fc.nat(), ms: fc.nat() }), {
    minLength: 1,
    selector: ({ ms }) => ms,
  })
  fc.assert(
    fc.property(settings, (some) => {
      const heard = some.map(({ seconds, ms }): Expiry => ({ chat: bob as ProviderChatId, seconds, at: new Date(ms) }))
      const kept = heard.reduce<Expiry | null>((known, one) => newerExpiry(known, one), null)
      expect(kept?.at.getTime()).toBe(Math.max(...some.map(({ ms }) => ms)))
    }),
  )
})
