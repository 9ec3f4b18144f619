/** Accounts with several devices: each has everything, under one name, and others find all of them. */
import { expect, test } from 'vitest'
import { type Client, freshNetwork } from './testing/client.ts'

const [us, them, bob] = ['+16282895642', '+16282890000', '+14155551234']
const [ours, theirs, bobsJid] = [us, them, bob].map((number) => `${number.slice(1)}@s.whatsapp.net`) as [
  string,
  string,
  string,
]
const here = freshNetwork()

/** What could not be read at first is there twice. */
const wordsOf = (device: Client, id: string) =>
  device.messages
    .filter(({ key }) => key.id === id)
    .flatMap(({ message }) => message?.conversation ?? message?.extendedTextMessage?.text ?? [])[0]

test('what one device of an account sends or is sent the other has as well', async () => {
  const first = await here.client().link(us)
  await first.send(bobsJid, { text: 'While there was one' })
  const second = await here.client().link(us)
  const id = await first.send(bobsJid, { text: 'From the first' })
  await expect.poll(() => wordsOf(second, id)).toBe('From the first')
  expect((await second.message(id)).key).toMatchObject({ remoteJid: bobsJid, fromMe: true })
  const answer = await here.network.person(bob).says(us, 'To both')
  await expect.poll(() => [wordsOf(first, answer), wordsOf(second, answer)]).toEqual(['To both', 'To both'])
  expect(here.network.received(bob).length).toBe(2)
})

test('two clients of different accounts talk: text, groups, typing, what was read, and what cannot be', async () => {
  const [mine, other] = [await here.client().link(us), await here.client().link(them)]
  const sent = await mine.send(theirs, { text: 'Hello' })
  const { key } = await other.message(sent)
  await other.socket.readMessages([key])
  await expect.poll(() => mine.status(sent)).toBe(4)
  await mine.socket.sendPresenceUpdate('available')
  await mine.socket.presenceSubscribe(theirs)
  await expect.poll(() => mine.all('presence.update').length).toBe(1)
  await other.socket.sendPresenceUpdate('composing', ours)
  const states = () =>
    mine.all('presence.update').flatMap(({ presences }) => Object.values(presences).map((one) => one.lastKnownPresence))
  await expect.poll(states).toEqual(['unavailable', 'composing'])
  const { id: group } = await mine.socket.groupCreate('Both', [theirs])
  const said = await other.send(group, { text: 'To the group' })
  await expect.poll(() => wordsOf(mine, said)).toBe('To the group')
  const session = `${other.auth.creds.me?.lid?.replace(/:.*/, '')}_1.1`
  await mine.auth.keys.set({ session: { [session]: null } })
  const garbled = await other.send(ours, { text: 'Once more' })
  await expect.poll(() => wordsOf(mine, garbled)).toBe('Once more')
})

test('a device that is linked later is found by those who wrote before, and one that is gone is not', async () => {
  const mine = await here.client().link(us)
  await mine.send(theirs, { text: 'To the phone alone' })
  await expect.poll(() => here.network.received(them).length).toBe(1)
  const late = await here.client().link(them)
  const id = await mine.send(theirs, { text: 'To the device too' })
  await expect.poll(() => wordsOf(late, id)).toBe('To the device too')
  here.network.phoneOf(them).unlink()
  await expect.poll(() => late.closes).toEqual([515, 401])
  const last = await mine.send(theirs, { text: 'To the phone alone again' })
  await expect.poll(() => mine.status(last)).toBe(3)
  expect(here.network.received(them).length).toBe(3)
})

test('a device whose prekeys run out hands in more', async () => {
  const [mine, other] = [await here.client().link(us), await here.client().link(them)]
  const before = mine.auth.creds.nextPreKeyId
  const jid = mine.auth.creds.me?.lid ?? ''
  const user = { tag: 'user', attrs: { jid } }
  const attrs = { to: '@s.whatsapp.net', type: 'get', xmlns: 'encrypt' }
  await other.socket.query({ tag: 'iq', attrs, content: [{ tag: 'key', attrs: {}, content: Array(810).fill(user) }] })
  await expect.poll(() => mine.auth.creds.nextPreKeyId).toBeGreaterThan(before)
})

test('people make groups and add others to them', async () => {
  const mine = await here.client().link(us)
  const person = here.network.person(bob)
  person.isCalled('Bob')
  const group = person.creates('Picnic', us)
  await expect.poll(() => mine.all('groups.upsert').flat()).toMatchObject([{ id: group, subject: 'Picnic' }])
  person.adds(group, them)
  await expect
    .poll(() =>
      mine.all('group-participants.update').map(({ action, participants }) => [action, participants[0]?.phoneNumber]),
    )
    .toEqual([['add', theirs]])
  const id = await person.says(group, 'Who brings what?')
  expect(await mine.message(id)).toMatchObject({ pushName: 'Bob', message: { conversation: 'Who brings what?' } })
  expect(() => here.network.person('+14155559999').adds(group, them)).toThrow('not in this group')
})
