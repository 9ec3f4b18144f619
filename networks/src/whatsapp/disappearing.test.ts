/** Messages that disappear: either side of a chat sets it, and from then on they say so themselves. */
import { proto } from 'baileys'
import { expect, test } from 'vitest'
import { freshNetwork } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()
const { EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type

test('a person has messages of a chat disappear: the setting is told, and those that follow carry it', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const before = await device.message(await person.says(us, 'Stays'))
  expect(before.message).toEqual({ conversation: 'Stays' })
  const setting = await device.message((await person.setsDisappearing(us, 86_400)) ?? '')
  expect(setting).toMatchObject({
    key: { remoteJid: bobsJid, fromMe: false },
    message: { protocolMessage: { type: EPHEMERAL_SETTING, ephemeralExpiration: 86_400 } },
  })
  const chats = device.all('chats.update').flat()
  expect(chats).toContainEqual(expect.objectContaining({ id: bobsJid, ephemeralExpiration: 86_400 }))
  const { message } = await device.message(await person.says(us, 'Goes'))
  const { text, contextInfo } = message?.extendedTextMessage ?? {}
  expect([text, contextInfo?.expiration]).toEqual(['Goes', 86_400])
  expect(Number(contextInfo?.ephemeralSettingTimestamp)).toBe(Number(setting.messageTimestamp))
  const place = await device.message(await person.posts(us, { locationMessage: { degreesLatitude: 1.5 } }))
  expect(place.message?.locationMessage).toMatchObject({ degreesLatitude: 1.5, contextInfo: { expiration: 86_400 } })
  const liked = await device.message(await person.reacts(us, before.key.id ?? '', '👍', true))
  expect(liked.message?.reactionMessage).not.toHaveProperty('contextInfo')
  const other = here.network.person('+14155559876')
  expect((await device.message(await other.says(us, 'Not here'))).message).toEqual({ conversation: 'Not here' })
  await person.setsDisappearing(us, 0)
  expect((await device.message(await person.says(us, 'Stays again'))).message).toEqual({ conversation: 'Stays again' })
})

test('what a client sets the people go by', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  await device.send(bobsJid, { disappearingMessagesInChat: 604_800 })
  await expect.poll(() => person.received).toMatchObject([{ kind: 'setting', expiration: 604_800, text: null }])
  const { message } = await device.message(await person.says(us, 'As you wish'))
  expect(message?.extendedTextMessage?.contextInfo?.expiration).toBe(604_800)
  const byHand = await device.message(await here.network.person(us).says(bob, 'By hand'))
  expect(byHand.message?.extendedTextMessage?.contextInfo?.expiration).toBe(604_800)
  await device.send(bobsJid, { disappearingMessagesInChat: false })
  await expect.poll(() => person.received.at(-1)).toMatchObject({ kind: 'setting', expiration: 0 })
  expect((await device.message(await person.says(us, 'Back'))).message).toEqual({ conversation: 'Back' })
})

test('in a group it is a setting of the group, by clients and by people', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const { id } = await device.socket.groupCreate('Launch', [bobsJid])
  await device.send(id, { disappearingMessagesInChat: 86_400 })
  expect((await device.socket.groupMetadata(id)).ephemeralDuration).toBe(86_400)
  const said = await device.message(await person.says(id, 'Goes'))
  expect(said.message?.extendedTextMessage?.contextInfo?.expiration).toBe(86_400)
  expect(await person.setsDisappearing(id, 604_800)).toBeNull()
  const told = () =>
    device.messages.flatMap(({ message, participant }) =>
      message?.protocolMessage?.type === EPHEMERAL_SETTING
        ? [[participant, message.protocolMessage.ephemeralExpiration]]
        : [],
    )
  await expect.poll(told).toEqual([
    [here.network.person(us).lid, 86_400],
    [person.lid, 604_800],
  ])
  await device.socket.groupToggleEphemeral(id, 0)
  expect((await device.socket.groupMetadata(id)).ephemeralDuration).toBeUndefined()
  expect((await device.message(await person.says(id, 'Stays'))).message?.conversation).toBe('Stays')
})
