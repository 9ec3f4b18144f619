/** What a person’s phone shows of everything that a client can send: nothing that arrived is out of a test’s reach. */
import { expect, test } from 'vitest'
import { freshNetwork } from './testing/client.ts'

const [us, bob, carol] = ['+16282895642', '+14155551234', '+14155559876']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()
const bytes = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 251))

async function linked() {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const shown = async (id: string) => {
    const find = () => person.received.find((one) => one.id === id)
    await expect.poll(find).toBeDefined()
    return find()
  }
  return { device, person, shown }
}

const nothing = { file: null, quotes: null, mentions: [], location: null, contacts: [], reaction: null }
const plain = { ...nothing, edits: null, revokes: null, expiration: 0 }

test('a text: what it answers, whom it means, how long it stays, and who sent it through which device', async () => {
  const { device, person, shown } = await linked()
  const sent = await device.send(bobsJid, { text: 'Hello' })
  expect(await shown(sent)).toMatchObject({
    ...{ ...plain, id: sent, from: us, chat: us, isOwn: false, device: 1, kind: 'text', text: 'Hello' },
  })
  const got = await device.message(await person.says(us, 'Hello yourself'))
  const more = { quoted: got, ephemeralExpiration: 86_400 }
  const carols = here.network.person(carol)
  const answer = await device.send(bobsJid, { text: 'Both of you', mentions: [bobsJid, carols.lid] }, more)
  const quotes = got.key.id
  expect(await shown(answer)).toMatchObject({ text: 'Both of you', quotes, mentions: [bob, carol], expiration: 86_400 })
  const [ours] = here.network.received(us).filter(({ id }) => id === answer)
  expect(ours).toMatchObject({ chat: bob, isOwn: true, device: 1, text: 'Both of you', mentions: [bob, carol] })
  const second = await here.client().link(us)
  expect(await shown(await second.send(bobsJid, { text: 'And I' }))).toMatchObject({ device: 2 })
  const { id } = await device.socket.groupCreate('Launch', [bobsJid])
  expect(await shown(await device.send(id, { text: 'All' }))).toMatchObject({ chat: id, from: us, text: 'All' })
  await person.says(carol, 'By phone')
  expect(carols.received.at(-1)).toMatchObject({ device: 0, from: bob, text: 'By phone' })
})

test('files: kind, type, name, caption, and their bytes once they are asked for', async () => {
  const { device, shown } = await linked()
  const picture = { image: bytes, jpegThumbnail: '', width: 1, height: 1, caption: 'Look', mimetype: 'image/jpeg' }
  const image = await shown(await device.send(bobsJid, picture, { ephemeralExpiration: 60 }))
  expect(image).toMatchObject({ kind: 'image', text: 'Look', expiration: 60, file: { mimeType: 'image/jpeg' } })
  expect(await image?.file?.open()).toEqual(bytes)
  const paper = { document: bytes, mimetype: 'application/pdf', fileName: 'a.pdf' }
  const file = await shown(await device.send(bobsJid, paper))
  expect(file).toMatchObject({ kind: 'document', text: null, file: { name: 'a.pdf', isVoice: false, seconds: null } })
  expect(await file?.file?.open()).toEqual(bytes)
  const said = { audio: bytes, ptt: true, seconds: 3, mimetype: 'audio/ogg; codecs=opus' }
  const voice = await shown(await device.send(bobsJid, said))
  expect(voice).toMatchObject({ kind: 'audio', file: { isVoice: true, seconds: 3, name: null } })
})

test('places and contact cards', async () => {
  const { device, shown } = await linked()
  const location = { degreesLatitude: 1.5, degreesLongitude: -2.5, name: 'Here', address: '1 Main St' }
  expect(await shown(await device.send(bobsJid, { location }))).toMatchObject({
    ...{ ...plain, kind: 'location', text: null },
    location: { latitude: 1.5, longitude: -2.5, name: 'Here', address: '1 Main St' },
  })
  const card = { displayName: 'Carol', vcard: 'BEGIN:VCARD\nFN:Carol\nEND:VCARD' }
  const contacts = { displayName: 'Carol', contacts: [card] }
  expect(await shown(await device.send(bobsJid, { contacts }))).toMatchObject({
    ...{ ...plain, kind: 'contacts', contacts: [{ name: 'Carol', vcard: card.vcard }] },
  })
  const both = { displayName: 'Two', contacts: [card, { ...card, displayName: 'Dora' }] }
  const two = await shown(await device.send(bobsJid, { contacts: both }))
  expect(two?.contacts.map(({ name }) => name)).toEqual(['Carol', 'Dora'])
})

test('reactions, corrections and what was taken back say which message they are about', async () => {
  const { device, person, shown } = await linked()
  const { key } = await device.message(await person.says(us, 'Theirs'))
  const sent = await device.send(bobsJid, { text: 'Ours' })
  const to = key.id
  const liked = await shown(await device.send(bobsJid, { react: { text: '👍', key } }))
  expect(liked).toMatchObject({ ...plain, kind: 'reaction', text: null, reaction: { to, emoji: '👍' } })
  const taken = await shown(await device.send(bobsJid, { react: { text: '', key } }))
  expect(taken).toMatchObject({ kind: 'reaction', reaction: { to, emoji: null } })
  const own = { remoteJid: bobsJid, fromMe: true, id: sent }
  const edited = await shown(await device.send(bobsJid, { text: 'Ours, corrected', edit: own }))
  expect(edited).toMatchObject({ ...plain, kind: 'edit', text: 'Ours, corrected', edits: sent })
  const revoked = await shown(await device.send(bobsJid, { delete: own }))
  expect(revoked).toMatchObject({ ...plain, kind: 'revoke', text: null, revokes: sent })
  const poll = await shown(await device.send(bobsJid, { poll: { name: 'Which?', values: ['This', 'That'] } }))
  expect(poll).toMatchObject({ ...plain, kind: 'other', text: null })
})
