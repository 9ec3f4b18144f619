/** What people do besides writing: react, correct, take back, answer, mention, type, and hide their number. */
import { jidNormalizedUser, proto } from 'baileys'
import { expect, test } from 'vitest'
import { freshNetwork } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()

/** A client, Bob, and a text that each of them has from the other. */
async function acquainted() {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const sent = await device.send(bobsJid, { text: 'Ours' })
  const got = await device.message(await person.says(us, 'Theirs'))
  await expect.poll(() => person.received.length).toBe(1)
  return { device, person, sent, got }
}

const last = (device: { received: readonly { message: proto.IMessage }[] }) => device.received.at(-1)?.message

test('reactions come and go, both ways', async () => {
  const { device, person, sent, got } = await acquainted()
  await person.reacts(us, sent, '❤️')
  const reactions = () => device.all('messages.reaction').flat()
  await expect.poll(reactions).toMatchObject([{ key: { id: sent, fromMe: true }, reaction: { text: '❤️' } }])
  await person.reacts(us, sent, null)
  await expect.poll(() => reactions().length).toBe(2)
  expect(reactions()[1]?.reaction.text ?? '').toBe('')
  await device.send(bobsJid, { react: { text: '👍', key: got.key } })
  await expect.poll(() => last(person)?.reactionMessage).toMatchObject({ text: '👍', key: { id: got.key.id } })
  await device.send(bobsJid, { react: { text: '', key: got.key } })
  await expect.poll(() => last(person)?.reactionMessage?.text).toBe('')
})

test('messages are corrected and taken back, both ways', async () => {
  const { device, person, sent, got } = await acquainted()
  const theirs = got.key.id ?? ''
  await person.edits(us, theirs, 'Theirs, corrected')
  const edited = () =>
    device
      .all('messages.update')
      .flat()
      .find(({ key, update }) => key.id === theirs && update.message)
  await expect.poll(() => edited()?.update.message?.editedMessage?.message?.conversation).toBe('Theirs, corrected')
  await person.revokes(us, theirs)
  const revoked = () =>
    device
      .all('messages.update')
      .flat()
      .some(({ key, update }) => key.id === theirs && update.message === null)
  await expect.poll(revoked).toBe(true)
  const key = { remoteJid: bobsJid, fromMe: true, id: sent }
  await device.send(bobsJid, { text: 'Ours, corrected', edit: key })
  await expect
    .poll(() => last(person)?.protocolMessage)
    .toMatchObject({
      key: { id: sent },
      type: proto.Message.ProtocolMessage.Type.MESSAGE_EDIT,
      editedMessage: { extendedTextMessage: { text: 'Ours, corrected' } },
    })
  await device.send(bobsJid, { delete: key })
  await expect.poll(() => last(person)?.protocolMessage?.type).toBe(proto.Message.ProtocolMessage.Type.REVOKE)
  expect(here.people.arrived(bob).map(({ text }) => text)).toEqual(['Ours'])
})

test('answers name what they answer, and mentions whom they mean, both ways', async () => {
  const { device, person, sent, got } = await acquainted()
  await device.send(bobsJid, { text: 'Indeed', mentions: [bobsJid] }, { quoted: got })
  await expect
    .poll(() => last(person)?.extendedTextMessage?.contextInfo)
    .toMatchObject({
      stanzaId: got.key.id,
      quotedMessage: { conversation: 'Theirs' },
      mentionedJid: [bobsJid],
    })
  const quoting = person.received.find(({ id }) => id === sent)
  const id = await person.says(us, 'Quite', { quoting, mentioning: [us] })
  const answer = await device.message(id)
  expect(answer.message?.extendedTextMessage).toMatchObject({
    text: 'Quite',
    contextInfo: { stanzaId: sent, mentionedJid: [here.network.person(us).lid], quotedMessage: {} },
  })
})

test('somebody who reads what they get says so after a while', async () => {
  const { device, person } = await acquainted()
  here.people.set(bob, { readAfterMs: 100 })
  const id = await device.send(bobsJid, { text: 'Read this' })
  await expect.poll(() => device.status(id)).toBe(3)
  // It lets events out that baileys keeps back.
  await device.message(await person.says(us, 'One moment'))
  await expect.poll(() => device.status(id)).toBe(4)
})

test('places go both ways', async () => {
  const { device, person } = await acquainted()
  const place = { degreesLatitude: 1.5, degreesLongitude: -2.5, name: 'Here' }
  await device.send(bobsJid, { location: place })
  await expect.poll(() => last(person)?.locationMessage).toMatchObject(place)
  const back = await device.message(await person.posts(us, { locationMessage: place }))
  expect(back.message?.locationMessage).toMatchObject(place)
})

test('typing is seen by those who look and have asked', async () => {
  const { device, person } = await acquainted()
  await device.socket.sendPresenceUpdate('composing', bobsJid)
  await device.socket.sendPresenceUpdate('recording', bobsJid)
  await device.socket.sendPresenceUpdate('paused', bobsJid)
  await expect
    .poll(() => person.seen.map(({ from, state }) => [from, state]))
    .toEqual([
      [us, 'composing'],
      [us, 'recording'],
      [us, 'paused'],
    ])
  const heard = () =>
    device.all('presence.update').map(({ presences }) => Object.values(presences)[0]?.lastKnownPresence)
  const settled = async () => void (await device.message(await person.says(us, 'Well?')))
  person.types(us)
  await settled()
  expect(heard()).toEqual([])
  await device.socket.sendPresenceUpdate('available')
  await device.socket.presenceSubscribe(bobsJid)
  await expect.poll(heard).toEqual(['unavailable'])
  person.appears(true)
  person.types(us)
  person.types(us, 'recording')
  person.types(us, 'paused')
  await expect.poll(heard).toEqual(['unavailable', 'available', 'composing', 'recording', 'available'])
})

test('somebody who is known by LID alone can be answered, and their number comes out later', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  person.isKnownBy('lid')
  const first = await device.message(await person.says(us, 'Guess who'))
  expect([first.key.remoteJid, first.key.remoteJidAlt]).toEqual([person.lid, undefined])
  const { lidMapping } = device.socket.signalRepository
  expect(await lidMapping.getPNForLID(person.lid)).toBeNull()
  const id = await device.send(person.lid, { text: 'Bob?' })
  await expect.poll(() => last(person)?.extendedTextMessage?.text).toBe('Bob?')
  await expect.poll(() => device.status(id)).toBe(3)
  const { id: group } = await device.socket.groupCreate('Strangers', [person.lid])
  const { participants } = await device.socket.groupMetadata(group)
  expect(participants[1]).toMatchObject({ id: person.lid, phoneNumber: undefined })
  const among = await device.message(await person.says(group, 'Here too'))
  expect([among.key.participant, among.key.participantAlt]).toEqual([person.lid, undefined])
  person.isKnownBy('both')
  const second = await device.message(await person.says(us, 'Yes'))
  expect([second.key.remoteJid, second.key.remoteJidAlt]).toEqual([person.lid, bobsJid])
  expect(jidNormalizedUser((await lidMapping.getPNForLID(person.lid)) ?? '')).toBe(bobsJid)
})

test('a member of a group who was a LID alone shows their number in what they write later', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  person.isKnownBy('lid')
  const group = here.network.person('+14155559876').creates('Strangers', us, bob)
  const { lidMapping } = device.socket.signalRepository
  const numberOf = async () => jidNormalizedUser((await lidMapping.getPNForLID(person.lid)) ?? undefined)
  const memberIn = async () => {
    const { participants } = await device.socket.groupMetadata(group)
    return participants.find(({ id }) => id === person.lid)
  }
  const first = await device.message(await person.says(group, 'Guess who'))
  expect([first.key.participant, first.key.participantAlt]).toEqual([person.lid, undefined])
  expect([(await memberIn())?.phoneNumber, await numberOf()]).toEqual([undefined, ''])
  person.isKnownBy('both')
  const second = await device.message(await person.says(group, 'Me'))
  expect([second.key.participant, second.key.participantAlt]).toEqual([person.lid, bobsJid])
  expect([(await memberIn())?.phoneNumber, await numberOf()]).toEqual([bobsJid, bobsJid])
})

test('a phone that learns the number behind a LID tells its devices', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  person.isKnownBy('lid')
  await device.message(await person.says(us, 'Guess who'))
  const { lidMapping } = device.socket.signalRepository
  expect(await lidMapping.getPNForLID(person.lid)).toBeNull()
  await here.network.phoneOf(us).learnsNumberOf(bob)
  const known = async () => jidNormalizedUser((await lidMapping.getPNForLID(person.lid)) ?? undefined)
  await expect.poll(known).toBe(bobsJid)
  await device.send(bobsJid, { text: 'Bob!' })
  await expect.poll(() => last(person)?.extendedTextMessage?.text).toBe('Bob!')
  expect((await device.message(await person.says(us, 'Still without a number'))).key.remoteJid).toBe(person.lid)
})

test('what the owner writes on the phone comes to the device as a copy', async () => {
  const device = await here.client().link(us)
  const id = await here.network.person(us).says(bob, 'By hand')
  const copy = await device.message(id)
  expect(copy).toMatchObject({ key: { remoteJid: bobsJid, fromMe: true }, message: { conversation: 'By hand' } })
  expect(here.network.received(bob)).toMatchObject([{ id, from: us }])
})
