/** What people on the loopback WhatsApp do arrives at a device by the library as it is, and is told to the gateway. */
import { createHash } from 'node:crypto'
import { get as httpsGet } from 'node:https'
import type { Readable } from 'node:stream'
import { type BinaryNode, jidDecode, type proto } from 'baileys'
import { expect, test } from 'vitest'
import { type Client, freshNetwork } from '../../../networks/src/whatsapp/testing/client.ts'
import type { ChatInfo, Incoming, IncomingMedia } from '../../src/channels/connector.ts'
import { handleOf, keyOfTarget } from '../../src/channels/whatsapp/names.ts'
import { ackOf } from '../../src/channels/whatsapp/receiving/acks.ts'
import { expiryOf } from '../../src/channels/whatsapp/receiving/expiry.ts'
import { type Ear, toldBy } from '../../src/channels/whatsapp/receiving/heard.ts'
import { createMedia } from '../../src/channels/whatsapp/receiving/media.ts'
import { type NoticeEar, noticesOf, touches, typingOf } from '../../src/channels/whatsapp/receiving/notices.ts'
import { createPairs } from '../../src/channels/whatsapp/receiving/pairs.ts'
import { receiptOf } from '../../src/channels/whatsapp/receiving/receipts.ts'
import type { ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'

const [us, bob, carol, other] = ['+16282895642', '+14155551234', '+14155559876', '+16282890000']
const bobsJid = '14155551234@s.whatsapp.net'
const carolsJid = '14155559876@s.whatsapp.net'
const here = freshNetwork()
const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7_919) % 251))

function fetched(url: string): Promise<{ status: number; body: Readable }> {
  return new Promise((resolve, reject) => {
    const request = httpsGet(url, { ca: here.network.caCertificate, agent: false }, (body) =>
      resolve({ status: body.statusCode ?? 0, body }),
    )
    request.on('error', reject)
  })
}

async function rosterOf({ socket }: Client, chat: ProviderChatId): Promise<ChatInfo | null> {
  const { subject, participants } = await socket.groupMetadata(chat)
  const members = participants.flatMap(({ id, phoneNumber, admin }) => {
    const handle = handleOf(id, phoneNumber)
    return handle === null ? [] : [{ handle, phoneKnown: handle.startsWith('+'), admin: admin ?? null }]
  })
  return { chat, name: subject, members }
}

function earOf(device: Client): Ear & NoticeEar {
  const { me } = device.auth.creds
  const { lidMapping } = device.socket.signalRepository
  return {
    us: { pn: jidDecode(me?.id)?.user ?? '', lid: jidDecode(me?.lid)?.user ?? null },
    pairs: createPairs(),
    clock: { now: () => Date.now() },
    numberOf: async (lid) => (await lidMapping.getPNForLID(lid)) ?? null,
    lidOf: async (number) => (await lidMapping.getLIDForPN(number)) ?? null,
    group: (chat) => rosterOf(device, chat),
    media: createMedia({ host: here.network.mediaHost, get: fetched }),
    picture: async (chat) => (await fetched((await device.socket.profilePictureUrl(chat)) ?? '')).body,
  }
}

/** A device of ours with all that it is told, in the order in which it came. */
async function listening() {
  const device = await here.client().link(us)
  const ear = earOf(device)
  const told: Incoming[] = []
  const notices: BinaryNode[] = []
  let tail = Promise.resolve()
  const take = (work: () => Promise<Incoming[]> | Incoming[]) => {
    tail = tail.then(async () => {
      for (const event of await work()) {
        told.push(event)
        ear.pairs.told(event)
      }
    })
  }
  device.socket.ev.on('messages.upsert', ({ messages }) => {
    for (const message of messages) {
      const at = new Date(Number(message.messageTimestamp) * 1_000)
      take(() => toldBy({ message, at, offline: false }, ear))
    }
  })
  device.socket.ws.on('CB:receipt', (node: BinaryNode) => take(() => receiptOf(node, ear)))
  device.socket.ws.on('CB:chatstate', (node: BinaryNode) => take(() => typingOf(node, ear)))
  device.socket.ws.on('CB:notification', (node: BinaryNode) => {
    notices.push(node)
    take(() => noticesOf(node, ear))
  })
  /** Waits for so many, and forgets them. */
  const next = async (count: number): Promise<Incoming[]> => {
    await expect.poll(() => told.length).toBeGreaterThanOrEqual(count)
    await tail
    return told.splice(0)
  }
  return { device, ear, next, notices }
}

const pair = (number: string) => ({ kind: 'handle', alias: here.network.person(number).lid, phone: number })
const words = (event: Incoming | undefined) => (event?.kind === 'message' ? event : null)

test('a person writes, answers, mentions, feels, corrects and takes back', async () => {
  const { device, next } = await listening()
  const person = here.network.person(bob)
  const id = await person.says(us, 'Hello')
  const hello = { kind: 'message', providerId: id, chat: bobsJid, from: bob, text: 'Hello', group: null, replyTo: null }
  expect(await next(2)).toEqual([pair(bob), expect.objectContaining({ ...hello, attachments: [], echoOf: null })])

  const sent = await device.send(bobsJid, { text: 'Ours' })
  await expect.poll(() => person.received.length).toBe(1)
  expect(await next(1)).toEqual([
    { kind: 'receipt', providerId: sent, status: 'delivered', at: expect.any(Date), detail: null },
  ])
  person.reads(us)
  expect(await next(1)).toMatchObject([{ kind: 'receipt', providerId: sent, status: 'read' }])

  const quoting = person.received.find((one) => one.id === sent)
  await person.says(us, 'Quite', { quoting, mentioning: [us] })
  await person.reacts(us, sent, '❤️')
  await person.reacts(us, sent, null)
  await person.reacts(us, id, '👍', true)
  await person.edits(us, id, 'Hello there')
  await person.revokes(us, id)
  expect(await next(6)).toEqual([
    expect.objectContaining({ kind: 'message', text: 'Quite', replyTo: sent }),
    expect.objectContaining({ kind: 'reaction', target: sent, chat: bobsJid, from: bob, reaction: '❤️' }),
    expect.objectContaining({ kind: 'reaction', target: sent, reaction: null }),
    expect.objectContaining({ kind: 'reaction', target: id, reaction: '👍' }),
    expect.objectContaining({ kind: 'edit', target: id, text: 'Hello there' }),
    expect.objectContaining({ kind: 'unsend', target: id }),
  ])
})

test('what cannot be theirs is not told: our own messages revised by them, and what we write by hand', async () => {
  const { device, next } = await listening()
  const person = here.network.person(bob)
  const sent = await device.send(bobsJid, { text: 'Ours' })
  await expect.poll(() => person.received.length).toBe(1)
  await next(1)
  const forged = { key: { remoteJid: bobsJid, fromMe: false, id: sent }, type: 0 }
  await person.posts(us, { protocolMessage: forged })
  await person.posts(us, { protocolMessage: { ...forged, type: 14, editedMessage: { conversation: 'Forged' } } })
  await here.network.person(us).says(bob, 'By hand')
  await person.says(us, 'Last')
  expect(await next(2)).toEqual([pair(bob), expect.objectContaining({ kind: 'message', text: 'Last' })])
})

async function contentOf(file: IncomingMedia | undefined): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of (await file?.open()) ?? []) hash.update(chunk)
  return hash.digest('hex')
}

const kinds = [
  ['image', 'image/jpeg', 'Look'],
  ['video', 'video/mp4', 'Watch'],
  ['audio', 'audio/mpeg', undefined],
  ['document', 'application/pdf', 'Read'],
  ['sticker', 'image/webp', undefined],
] as const

test.each(kinds)('%s that a person sends can be had', async (kind, mimeType, caption) => {
  const { next } = await listening()
  await here.network.person(bob).sends(us, { kind, bytes, mimeType, caption })
  const message = words((await next(2)).at(-1))
  expect(message).toMatchObject({ text: caption ?? null, attachments: [{ mimeType, bytes: bytes.length }] })
  expect(await contentOf(message?.attachments[0])).toBe(createHash('sha256').update(bytes).digest('hex'))
})

test('a file that is gone, of which the message lies, or that lies elsewhere cannot be had', async () => {
  const { device, next } = await listening()
  const person = here.network.person(bob)
  const id = await person.sends(us, { kind: 'image', bytes, mimeType: 'image/jpeg' })
  const facts = { ...(await device.message(id)).message?.imageMessage }
  await next(2)
  const lies: proto.Message.IImageMessage[] = [
    { ...facts, directPath: '/v/t62.7118-24/none.enc' },
    { ...facts, fileLength: 5 },
    { ...facts, fileSha256: Buffer.alloc(32) },
    { ...facts, mediaKey: Buffer.alloc(32) },
    { ...facts, directPath: '', url: `https://${here.network.mediaHost}/elsewhere` },
    { ...facts, url: 'https://127.0.0.1:1/elsewhere' },
  ]
  for (const imageMessage of lies) await person.posts(us, { imageMessage })
  const files = (await next(lies.length)).map((event) => words(event)?.attachments[0])
  const found = await Promise.all(files.map((file) => contentOf(file).catch(({ message }) => message)))
  expect(found).toEqual([
    'The file is gone from WhatsApp.',
    'The file is larger than its message says.',
    'The file is not the one that its message tells of.',
    'The file is not the one that was sent: its seal is broken.',
    'The message does not say where its file is.',
    createHash('sha256').update(bytes).digest('hex'),
  ])
})

test('voice notes, cards and places arrive as what they are', async () => {
  const { next } = await listening()
  const person = here.network.person(bob)
  await person.says(us, 'Hello')
  await next(2)
  await person.posts(us, { audioMessage: { ptt: true, mimetype: 'audio/ogg; codecs=opus' } })
  await person.posts(us, { contactMessage: { displayName: 'Carol', vcard: 'BEGIN:VCARD' } })
  await person.posts(us, { locationMessage: { degreesLatitude: 1.5, degreesLongitude: -2.5, name: 'Here' } })
  expect(await next(3)).toMatchObject([
    { attachments: [{ mimeType: 'audio/ogg', voiceNote: true }] },
    { text: null, attachments: [{ mimeType: 'text/vcard', filename: 'Carol.vcf' }] },
    { text: 'Here\nhttps://maps.google.com/?q=1.5,-2.5', attachments: [] },
  ])
})

test('how long messages stay is seen in what they write', async () => {
  const { device, ear } = await listening()
  const contextInfo = { expiration: 86_400, ephemeralSettingTimestamp: 1_700_000_000 }
  const id = await here.network.person(bob).posts(us, { extendedTextMessage: { text: 'Soon gone', contextInfo } })
  const heard = { message: await device.message(id), at: new Date(), offline: false }
  expect(await expiryOf(heard, ear)).toEqual({ chat: bobsJid, seconds: 86_400, at: new Date(1_700_000_000_000) })
})

test('typing is told of who types', async () => {
  const { device, next } = await listening()
  const person = here.network.person(bob)
  await device.socket.sendPresenceUpdate('available')
  await device.socket.presenceSubscribe(bobsJid)
  await expect.poll(() => device.all('presence.update').length).toBe(1)
  person.types(us)
  person.types(us, 'recording')
  person.types(us, 'paused')
  const typing = { kind: 'typing', chat: bobsJid, from: bob, typing: true }
  expect(await next(3)).toEqual([typing, typing, { ...typing, typing: false }])
})

test('somebody known by LID alone is one person once their number comes out', async () => {
  const { next } = await listening()
  const person = here.network.person(bob)
  person.isKnownBy('lid')
  await person.says(us, 'Guess who')
  expect(await next(1)).toMatchObject([{ kind: 'message', chat: person.lid, from: person.lid }])
  person.isKnownBy('both')
  await person.says(us, 'Bob')
  expect(await next(2)).toMatchObject([pair(bob), { kind: 'message', chat: bobsJid, from: bob }])
  person.isKnownBy('lid')
  await person.says(us, 'Still Bob')
  expect(await next(1)).toMatchObject([{ kind: 'message', chat: bobsJid, from: bob, text: 'Still Bob' }])
})

test('a group is heard of: what is said there, by whom, and what becomes of it', async () => {
  const { device, next, notices } = await listening()
  const [first, second] = [here.network.person(bob), here.network.person(carol)]
  const id = first.creates('Launch', us, carol)
  expect(await next(3)).toMatchObject([
    pair(bob),
    pair(carol),
    { kind: 'chat', chat: id, actor: bob, change: { what: 'joined', member: us } },
  ])
  const said = await first.says(id, 'Welcome')
  const providerId = `${said}_${first.lid}`
  const [welcome] = await next(1)
  expect(welcome).toMatchObject({ kind: 'message', providerId, chat: id, from: bob, text: 'Welcome' })
  expect(words(welcome)?.group).toEqual({
    chat: id,
    name: 'Launch',
    members: [
      { handle: bob, phoneKnown: true, admin: 'superadmin' },
      { handle: us, phoneKnown: true, admin: null },
      { handle: carol, phoneKnown: true, admin: null },
    ],
  })
  // The network quotes by numbers in a group of LIDs.
  const quoting = second.received.find((one) => one.id === said)
  await second.says(id, 'Thanks', { quoting })
  expect(await next(1)).toMatchObject([{ kind: 'message', text: 'Thanks', from: carol, replyTo: providerId }])
  await second.reacts(id, said, '🎉')
  expect(await next(1)).toMatchObject([{ kind: 'reaction', target: providerId, from: carol, chat: id, reaction: '🎉' }])
  const forged = { type: 0, key: { remoteJid: id, fromMe: false, id: said, participant: first.lid } }
  await second.posts(id, { protocolMessage: forged })
  await second.says(id, 'Well')
  expect(await next(1)).toMatchObject([{ kind: 'message', text: 'Well' }])
  await first.edits(id, said, 'Welcome, all')
  await first.revokes(id, said)
  expect(await next(2)).toMatchObject([
    { kind: 'edit', target: providerId, text: 'Welcome, all' },
    { kind: 'unsend', target: providerId },
  ])
  second.renames(id, 'Landed')
  second.leaves(id)
  expect(await next(2)).toMatchObject([
    { kind: 'chat', actor: carol, change: { what: 'title', title: 'Landed' } },
    { kind: 'chat', actor: carol, change: { what: 'left', member: carol } },
  ])
  expect(notices.map(touches)).toEqual([id, id, id])
  const target = { chat: id as ProviderChatId, providerId: providerId as ProviderMessageId, fromMe: false }
  expect((await device.message(said)).key).toMatchObject(keyOfTarget(target) ?? {})
})

test('who read a message of ours in a group is told of each by name', async () => {
  const { device, next } = await listening()
  const person = here.network.person(bob)
  const { id } = await device.socket.groupCreate('Launch', [bobsJid])
  expect(await next(2)).toMatchObject([pair(bob), { kind: 'chat', change: { what: 'joined', member: us } }])
  const acks: unknown[] = []
  device.socket.ws.on('CB:ack', (node: BinaryNode) => acks.push(ackOf(node)))
  const sent = await device.send(id, { text: 'All here?' })
  await expect.poll(() => acks).toContainEqual({ id: sent, error: null })
  expect(await next(1)).toMatchObject([{ kind: 'receipt', providerId: sent, status: 'delivered', from: person.lid }])
  person.reads(id)
  expect(await next(1)).toMatchObject([{ kind: 'receipt', providerId: sent, status: 'read', from: person.lid }])
})

test('members come, go and rise, and the picture changes, by the hand of another device', async () => {
  const { next } = await listening()
  const admin = await here.client().link(other)
  const { id } = await admin.socket.groupCreate('Launch', ['16282895642@s.whatsapp.net', bobsJid])
  await next(3)
  await admin.socket.groupParticipantsUpdate(id, [carolsJid], 'add')
  await admin.socket.groupParticipantsUpdate(id, [carolsJid], 'promote')
  await admin.socket.groupParticipantsUpdate(id, [carolsJid], 'demote')
  await admin.socket.groupParticipantsUpdate(id, [bobsJid], 'remove')
  const about = { kind: 'chat', chat: id, actor: other }
  expect(await next(5)).toMatchObject([
    pair(carol),
    { ...about, change: { what: 'joined', member: carol } },
    { ...about, change: { what: 'rank', member: carol, admin: 'admin' } },
    { ...about, change: { what: 'rank', member: carol, admin: null } },
    { ...about, change: { what: 'left', member: bob } },
  ])
  const picture = { tag: 'picture', attrs: { type: 'image' }, content: Buffer.from('a picture') }
  const set = { tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'set', xmlns: 'w:profile:picture', target: id } }
  await admin.socket.query({ ...set, content: [picture] })
  const [shown] = await next(1)
  expect(shown).toMatchObject({ change: { what: 'photo', photo: { mark: expect.stringMatching(/^\d+$/), url: null } } })
  const photo = shown?.kind === 'chat' && shown.change.what === 'photo' ? shown.change.photo : 'removed'
  const opened = photo === 'removed' ? undefined : await photo.open?.()
  expect(Buffer.concat((await opened?.toArray()) ?? []).toString()).toBe('a picture')
  await admin.socket.removeProfilePicture(id)
  expect(await next(1)).toMatchObject([{ kind: 'chat', chat: id, change: { what: 'photo', photo: 'removed' } }])
  await admin.socket.groupParticipantsUpdate(id, ['16282895642@s.whatsapp.net'], 'remove')
  expect(await next(1)).toMatchObject([{ ...about, change: { what: 'left', member: us } }])
})
