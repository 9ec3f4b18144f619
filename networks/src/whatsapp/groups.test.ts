/** Groups as clients and people change them: members, name, picture, description, settings, and who may do what. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { type Client, freshNetwork } from './testing/client.ts'

const [us, bob, carol] = ['+16282895642', '+14155551234', '+14155559876']
const bobsJid = '14155551234@s.whatsapp.net'
const carolsJid = '14155559876@s.whatsapp.net'
const here = freshNetwork()
const usual = getCACertificates()

/** Four in a group of the client's. */
async function grouped() {
  const device = await here.client().link(us)
  const { id } = await device.socket.groupCreate('Launch', [bobsJid, carolsJid])
  const [first, second] = [here.network.person(bob), here.network.person(carol)]
  return { device, id, bob: first, carol: second }
}
const changes = (device: Client) =>
  device
    .all('group-participants.update')
    .map(({ action, participants }) => [action, ...participants.map((one) => one.id)])

test('a group is made, described and renamed, and others may rename it as well', async () => {
  const { device, id, bob: person } = await grouped()
  const group = await device.socket.groupMetadata(id)
  expect(group).toMatchObject({ id, subject: 'Launch', owner: here.network.person(us).lid, addressingMode: 'lid' })
  expect(group.participants).toEqual([
    expect.objectContaining({ id: here.network.person(us).lid, admin: 'superadmin' }),
    expect.objectContaining({ id: person.lid, phoneNumber: bobsJid, admin: null }),
    expect.objectContaining({ phoneNumber: carolsJid, admin: null }),
  ])
  await device.socket.groupUpdateSubject(id, 'Launched')
  person.renames(id, 'Landed')
  const subjects = () =>
    device
      .all('groups.update')
      .flat()
      .flatMap(({ subject }) => subject ?? [])
  await expect.poll(subjects).toEqual(['Launched', 'Landed'])
  expect(Object.keys(await device.socket.groupFetchAllParticipating())).toEqual([id])
})

test('members are added, removed, promoted and demoted one by one, and each says how it went', async () => {
  const { device, id, bob: person, carol: other } = await grouped()
  const [dora, shy] = ['14155550001@s.whatsapp.net', '14155550002@s.whatsapp.net']
  here.network.person('+14155550002').mayBeAdded(false)
  const change = async (jids: string[], how: 'add' | 'remove' | 'promote' | 'demote') =>
    (await device.socket.groupParticipantsUpdate(id, jids, how)).map(({ status }) => status)
  expect(await change([dora, bobsJid, shy, '14155550106@s.whatsapp.net'], 'add')).toEqual(['200', '409', '403', '404'])
  expect(await change([bobsJid], 'promote')).toEqual(['200'])
  expect((await device.socket.groupMetadata(id)).participants[1]).toMatchObject({ id: person.lid, admin: 'admin' })
  expect(await change([bobsJid], 'demote')).toEqual(['200'])
  expect(await change([carolsJid, shy], 'remove')).toEqual(['200', '404'])
  const doras = here.network.person('+14155550001').lid
  await expect
    .poll(() => changes(device))
    .toEqual([
      ['add', doras],
      ['promote', person.lid],
      ['demote', person.lid],
      ['remove', other.lid],
    ])
  person.leaves(id)
  await expect.poll(() => changes(device).at(-1)).toEqual(['remove', person.lid])
  await expect(other.says(id, 'Still there?')).rejects.toThrow('not in this group')
})

test('a group that was left is not heard of any more', async () => {
  const { device, id, bob: person } = await grouped()
  await device.socket.groupLeave(id)
  await expect(device.socket.groupMetadata(id)).rejects.toThrow('forbidden')
  await person.says(id, 'Has everybody gone?')
  await device.message(await person.says(us, 'Why did you leave?'))
  expect(
    device.messages.filter(({ key }) => key.remoteJid === id && !key.fromMe && key.participant === person.lid),
  ).toEqual([])
})

test('only admins change members', async () => {
  const theirs = '+16282890000'
  const device = await here.client().link(us)
  const other = await here.client().link(theirs)
  const { id } = await device.socket.groupCreate('Ours', ['16282890000@s.whatsapp.net', bobsJid])
  await expect(other.socket.groupParticipantsUpdate(id, [bobsJid], 'remove')).rejects.toThrow('forbidden')
  await expect
    .poll(() =>
      other
        .all('groups.upsert')
        .flat()
        .map(({ subject }) => subject),
    )
    .toEqual(['Ours'])
  const sent = await other.send(id, { text: 'From another client' })
  expect((await device.message(sent)).message?.extendedTextMessage?.text).toBe('From another client')
})

/**
 * What the client was told of its group up to now. Each change is waited for: of several that come at the same moment
 * baileys 7.0.0-rc14 tells the first and forgets the rest (event-buffer.js, `groups.update`).
 */
const told = (device: Client) => {
  const updates = device.all('groups.update').flat()
  return Object.assign({}, ...updates) as (typeof updates)[number]
}

test('people promote, demote and remove, if they are admins', async () => {
  const { device, id, bob: person, carol: other } = await grouped()
  for (const forbidden of ['promotes', 'demotes', 'removes'] as const)
    expect(() => person[forbidden](id, carol)).toThrow('Only admins of this group do that.')
  await device.socket.groupParticipantsUpdate(id, [bobsJid], 'promote')
  person.promotes(id, carol)
  person.demotes(id, carol)
  person.removes(id, carol)
  await expect
    .poll(() => changes(device).slice(1))
    .toEqual([
      ['promote', other.lid],
      ['demote', other.lid],
      ['remove', other.lid],
    ])
  expect(device.all('group-participants.update').at(-1)).toMatchObject({ author: person.lid })
  person.removes(id, us)
  await expect.poll(() => changes(device).at(-1)).toEqual(['remove', here.network.person(us).lid])
})

test('where only admins add others, other members are refused', async () => {
  const { device, id, bob: person } = await grouped()
  await device.socket.groupMemberAddMode(id, 'admin_add')
  await expect.poll(() => told(device).memberAddMode).toBe(false)
  expect((await device.socket.groupMetadata(id)).memberAddMode).toBe(false)
  expect(() => person.adds(id, '+14155550001')).toThrow('Only admins')
  await device.socket.groupMemberAddMode(id, 'all_member_add')
  await expect.poll(() => told(device).memberAddMode).toBe(true)
  person.adds(id, '+14155550001')
  expect((await device.socket.groupMetadata(id)).participants.length).toBe(4)
})

const setIcon = (device: Client, target: string | undefined, image: Buffer) =>
  device.socket.query({
    tag: 'iq',
    attrs: { to: '@s.whatsapp.net', type: 'set', xmlns: 'w:profile:picture', ...(target && { target }) },
    content: [{ tag: 'picture', attrs: { type: 'image' }, content: image }],
  })
const icons = (device: Client, id: string) =>
  device
    .all('contacts.update')
    .flat()
    .flatMap((one) => (one.id === id ? [one.imgUrl] : []))
async function picture(url: string | undefined): Promise<string> {
  setDefaultCACertificates([...usual, here.network.caCertificate])
  return (await fetch(url ?? '')).text()
}

test('a group has a picture, set and taken away by clients and by people', async () => {
  const { device, id, bob: person } = await grouped()
  await setIcon(device, id, Buffer.from('a picture'))
  await expect.poll(() => icons(device, id)).toEqual(['changed'])
  expect(await picture(await device.socket.profilePictureUrl(id))).toBe('a picture')
  await device.socket.removeProfilePicture(id)
  await expect(device.socket.profilePictureUrl(id)).rejects.toThrow('item-not-found')
  person.showsPicture(Buffer.from('another'), id)
  expect(await picture(await device.socket.profilePictureUrl(id, 'image'))).toBe('another')
  person.showsPicture(null, id)
  await expect.poll(() => icons(device, id)).toEqual(['changed', 'removed', 'changed', 'removed'])
  // 22: the icon of a group was changed.
  const notices = device.messages.filter(({ messageStubType }) => messageStubType === 22)
  expect(notices.map(({ participant, messageStubParameters }) => [participant, messageStubParameters?.length])).toEqual(
    [
      [here.network.person(us).lid, 1],
      [here.network.person(us).lid, 0],
      [person.lid, 1],
      [person.lid, 0],
    ],
  )
})

test('people have pictures, and so has the account', async () => {
  const { device, bob: person } = await grouped()
  await expect(device.socket.profilePictureUrl(bobsJid)).rejects.toThrow('item-not-found')
  await device.send(bobsJid, { text: 'Show yourself' })
  person.showsPicture(Buffer.from('Bob'))
  await expect.poll(() => icons(device, bobsJid)).toEqual(['changed'])
  for (const jid of [bobsJid, person.lid]) expect(await picture(await device.socket.profilePictureUrl(jid))).toBe('Bob')
  person.showsPicture(null)
  await expect.poll(() => icons(device, bobsJid)).toEqual(['changed', 'removed'])
  await setIcon(device, undefined, Buffer.from('us'))
  expect(await picture(await device.socket.profilePictureUrl('16282895642@s.whatsapp.net'))).toBe('us')
})

test('a group is described, by clients and by people, until the description is taken away', async () => {
  const { device, id, bob: person } = await grouped()
  await device.socket.groupUpdateDescription(id, 'What it is for')
  const group = await device.socket.groupMetadata(id)
  expect(group).toMatchObject({ desc: 'What it is for', descOwner: here.network.person(us).lid })
  await expect.poll(() => told(device).desc).toBe('What it is for')
  person.describes(id, 'What it is really for')
  await expect.poll(() => told(device).desc).toBe('What it is really for')
  await device.socket.groupUpdateDescription(id)
  await expect.poll(() => told(device).desc).toBeUndefined()
  expect((await device.socket.groupMetadata(id)).desc).toBeUndefined()
})

test('a group that admins have closed is changed and written to by admins alone', async () => {
  const { device, id, bob: person } = await grouped()
  await device.socket.groupSettingUpdate(id, 'announcement')
  await expect.poll(() => told(device).announce).toBe(true)
  await device.socket.groupSettingUpdate(id, 'locked')
  await expect.poll(() => told(device).restrict).toBe(true)
  expect(await device.socket.groupMetadata(id)).toMatchObject({ announce: true, restrict: true })
  await expect(person.says(id, 'May I?')).rejects.toThrow('Only admins write in this group.')
  const sent = await device.send(id, { text: 'To all' })
  await expect.poll(() => person.received.length).toBe(1)
  await person.reacts(id, sent, '🎉')
  expect(() => person.renames(id, 'Mine')).toThrow('Only admins')
  expect(() => person.showsPicture(Buffer.from('x'), id)).toThrow('Only admins')
  await device.socket.groupParticipantsUpdate(id, [bobsJid], 'promote')
  person.silences(id, false)
  await expect.poll(() => told(device).announce).toBe(false)
  person.locks(id, false)
  await expect.poll(() => told(device).restrict).toBe(false)
  here.network.person(carol).renames(id, 'Everybody’s')
  await expect.poll(() => told(device).subject).toBe('Everybody’s')
  await device.message(await here.network.person(carol).says(id, 'Thank you'))
})

test('a client that is no admin is refused where only admins may, and its messages as well', async () => {
  const device = await here.client().link(us)
  const id = here.network.person(bob).creates('Bob’s', us)
  const { socket } = device
  device.groups.set(id, await socket.groupMetadata(id))
  here.network.person(bob).locks(id)
  here.network.person(bob).silences(id)
  await expect(socket.groupUpdateSubject(id, 'Ours')).rejects.toThrow('forbidden')
  await expect(socket.groupSettingUpdate(id, 'not_announcement')).rejects.toThrow('forbidden')
  await expect(socket.groupToggleEphemeral(id, 86_400)).rejects.toThrow('forbidden')
  await expect(setIcon(device, id, Buffer.from('x'))).rejects.toThrow('forbidden')
  const sent = await device.send(id, { text: 'May I?' })
  await expect.poll(() => device.acks.get(sent)).toBe('403')
  expect(here.network.received(bob)).toEqual([])
})

test('in a group one is not in any more, or that never was, nothing can be written, and nothing is told', async () => {
  const { device, id, bob: person } = await grouped()
  const group = await device.socket.groupMetadata(id)
  const never = '120363000000000000@g.us'
  // A client that does not ask first finds out when it sends.
  device.groups.set(id, group).set(never, { ...group, id: never })
  await device.socket.groupParticipantsUpdate(id, [bobsJid], 'promote')
  person.removes(id, us)
  await expect.poll(() => changes(device).at(-1)?.[0]).toBe('remove')
  const sent = [await device.send(id, { text: 'Hello?' }), await device.send(never, { text: 'Hello?' })]
  await expect.poll(() => sent.map((one) => device.acks.get(one))).toEqual(['403', '404'])
  expect(here.network.received(bob)).toEqual([])
  await expect(device.socket.groupMetadata(id)).rejects.toMatchObject({ data: 403 })
  await expect(device.socket.groupMetadata(never)).rejects.toMatchObject({ data: 404 })
  await expect(device.socket.profilePictureUrl(id)).rejects.toThrow('forbidden')
  person.adds(id, us)
  const again = await device.send(id, { text: 'Back' })
  await expect.poll(() => device.acks.get(again)).toBe('')
})
