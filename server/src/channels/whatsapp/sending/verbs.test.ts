/** Reactions, corrections, typing and having read, as somebody on the loopback network sees them. */
import { expect, test } from 'vitest'
import { freshNetwork } from '../../../../../networks/src/whatsapp/testing/client.ts'
import type { ProviderChatId, ProviderMessageId } from '../../../model/ids.ts'
import type { Target } from '../../connector.ts'
import { messageVerbs } from './verbs.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const chat = bobsJid as ProviderChatId
const here = freshNetwork()

async function acquainted() {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const ours = await device.send(bobsJid, { text: 'Ours' })
  const theirs = await person.says(us, 'Theirs')
  await device.message(theirs)
  await expect.poll(() => person.received.length).toBe(1)
  const say = async (jid: string, content: Parameters<typeof device.send>[1]) => void (await device.send(jid, content))
  const heard = { id: null as ProviderMessageId | null }
  const tools = { socket: device.socket, say, addressOf: async (to: string) => to, lastHeard: () => heard.id }
  const target = (id: string, fromMe: boolean, where = chat): Target => ({
    chat: where,
    providerId: id as ProviderMessageId,
    fromMe,
  })
  const last = () => person.received.at(-1)?.message
  return {
    device,
    person,
    tools,
    heard,
    verbs: messageVerbs(tools),
    ours: target(ours, true),
    theirs: target(theirs, false),
    last,
    target,
  }
}

test.each([
  ['love', '❤️'],
  ['emphasize', '‼️'],
  ['🦆', '🦆'],
])('the reaction %s is shown as %s, and can be taken back', async (reaction, shown) => {
  const { verbs, theirs, last } = await acquainted()
  await verbs.react(theirs, reaction)
  await expect
    .poll(() => last()?.reactionMessage)
    .toMatchObject({ text: shown, key: { id: theirs.providerId, fromMe: false } })
  await verbs.react(theirs, null)
  await expect.poll(() => last()?.reactionMessage?.text).toBe('')
})

test('a reaction in a group names whose message it is about, under the name in which it is written to', async () => {
  const { device, person, tools, last, target } = await acquainted()
  const { id: group } = await device.socket.groupCreate('Launch', [bobsJid])
  const verbs = messageVerbs({ ...tools, addressOf: async () => group })
  await verbs.react(target(`THEIRS_${person.lid}`, false, '120363000000000001@g.us' as ProviderChatId), 'like')
  await expect
    .poll(() => last()?.reactionMessage?.key)
    .toMatchObject({ remoteJid: group, id: 'THEIRS', participant: person.lid })
})

test('typing begins and ends', async () => {
  const { verbs, person } = await acquainted()
  await verbs.setTyping(chat, true)
  await verbs.setTyping(chat, false)
  await expect.poll(() => person.seen.map(({ state }) => state)).toEqual(['composing', 'paused'])
})

test('what was read is told to whoever wrote it', async () => {
  const { verbs, person, theirs } = await acquainted()
  await verbs.markRead(chat, theirs.providerId)
  await expect
    .poll(() => person.heard.filter(({ what }) => what === 'read').map(({ id }) => id))
    .toEqual([theirs.providerId])
})

test('of a chat the last message is read that was heard there, and of one without any nothing', async () => {
  const { verbs, heard, person, theirs } = await acquainted()
  await verbs.markRead(chat, null)
  heard.id = theirs.providerId
  await verbs.markRead(chat, null)
  await expect
    .poll(() => person.heard.filter(({ what }) => what === 'read').map(({ id }) => id))
    .toEqual([theirs.providerId])
})

test('what is no message of this chat is not reacted to', async () => {
  const { verbs, theirs } = await acquainted()
  const strange = { ...theirs, providerId: 'no such id!' as ProviderMessageId }
  await expect(verbs.react(strange, 'like')).rejects.toMatchObject({ kind: 'refused', code: 'MISSING_WHATSAPP_JID' })
})

test('nothing of it is tried while the link is down', async () => {
  const { device, verbs, theirs } = await acquainted()
  await device.close()
  const down = { kind: 'retryable', code: 'WHATSAPP_NOT_CONNECTED', scope: 'link' }
  await expect(verbs.setTyping(chat, true)).rejects.toMatchObject(down)
  await expect(verbs.markRead(chat, theirs.providerId)).rejects.toMatchObject(down)
})
