/** Messages and stanzas of any shape: nothing throws, and nobody comes out who cannot be. */
import { type BinaryNode, proto, type WAMessage } from 'baileys'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { at, earFor, heardOf } from '../../../../test/support/whatsapp-ear.ts'
import type { Incoming } from '../../connector.ts'
import { ackOf } from './acks.ts'
import { expiryOf, expiryOfNotice } from './expiry.ts'
import { toldBy } from './heard.ts'
import { noticesOf, touches, typingOf } from './notices.ts'
import { receiptOf } from './receipts.ts'

const handle = /^(\+[1-9]\d{1,14}|\d{1,30}@lid)$/
const chat = /^([1-9]\d{1,14}@s\.whatsapp\.net|\d{1,30}@lid|\d{5,30}(-\d{5,20})?@g\.us)$/
const id = /^[A-Za-z0-9.:+/=%-]+(_\d{1,30}@(lid|s\.whatsapp\.net))?$/

/** Every name and text in an event, by what it has to be. */
function expectLegal(events: readonly Incoming[]): void {
  expect(events.length).toBeLessThan(3_100)
  for (const event of events) {
    const {
      from,
      alias,
      phone,
      actor,
      member,
      chat: place,
      providerId,
      target,
      replyTo,
      text,
      title,
      ...rest
    } = {
      ...Object(event),
      ...Object(Object(event).change),
    }
    for (const name of [from, alias, phone, actor, member]) if (name) expect(name).toMatch(handle)
    for (const name of [providerId, target, replyTo]) if (name) expect(name).toMatch(id)
    if (event.kind !== 'chat' && 'providerId' in event) expect(providerId).toMatch(id)
    if (place !== undefined) expect(place).toMatch(chat)
    expect(String(text ?? '').length + String(title ?? '').length).toBeLessThanOrEqual(65_536)
    expect(Number.isFinite((rest.at ?? at).getTime())).toBe(true)
    if (event.kind !== 'message') continue
    expect(event.text !== null || event.attachments.length > 0).toBe(true)
    expect(event.attachments.every(({ bytes }) => bytes === null || bytes >= 0)).toBe(true)
  }
}

const jids = fc.constantFrom(
  ...['14155551234@s.whatsapp.net', '14155551234:3@s.whatsapp.net', '111222333444555@lid', '222@hosted.lid', '0@c.us'],
  ...['120363012345678901@g.us', 'status@broadcast', '1600000000@broadcast', '12@newsletter', 's.whatsapp.net', '@lid'],
  ...['16282895642@s.whatsapp.net', '900000000000001:2@lid', `${'9'.repeat(400)}@lid`, '__proto__', '+1', '1@g.us'],
)
const leaves = fc.oneof(
  jids,
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('x'.repeat(200_000), '\ud800', '', 'https://a.test', '🙂'.repeat(40_000)),
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, undefined, true, false, Number.NaN, -1, 0, 3, 14, 2 ** 70, Number.MAX_SAFE_INTEGER),
  fc.record({ low: fc.integer(), high: fc.integer(), unsigned: fc.boolean() }),
  fc.uint8Array({ maxLength: 40 }),
)
const kinds = Object.keys(proto.Message.prototype).filter(
  (name) => typeof Object(proto.Message.prototype)[name] !== 'function',
)
const fields = fc.constantFrom(
  ...[
    'key',
    'id',
    'remoteJid',
    'participant',
    'fromMe',
    'type',
    'text',
    'caption',
    'contextInfo',
    'stanzaId',
    'message',
  ],
  ...['editedMessage', 'mimetype', 'fileName', 'fileLength', 'directPath', 'mediaKey', 'degreesLatitude', 'name'],
  ...['degreesLongitude', 'options', 'optionName', 'contacts', 'vcard', 'displayName', 'sections', 'rows', 'title'],
  ...[
    'hydratedTemplate',
    'hydratedButtons',
    'header',
    'body',
    'carouselMessage',
    'cards',
    'nativeFlowMessage',
    'buttons',
  ],
  ...['buttonParamsJson', 'expiration', 'ephemeralSettingTimestamp', 'ephemeralExpiration', 'startTime', 'location'],
  ...['pollVotes', 'noteMessage', 'product', 'productImage', 'imageMessage', 'conversation', '__proto__'],
)
const { value, message: messages } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaves, tie('fieldsOf'), tie('list'), tie('message')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  fieldsOf: fc.dictionary(fields, tie('value'), { maxKeys: 5 }),
  message: fc.dictionary(fc.constantFrom(...kinds), tie('value'), { maxKeys: 3 }),
}))
const words = { title: 'a', subtitle: 'b', text: 'c', description: 'd', displayText: 'e', url: 'f' }
const file = {
  mimetype: 'a/b',
  caption: 'c',
  fileName: 'd',
  fileLength: 5,
  mediaKey: Buffer.alloc(32),
  directPath: '/e',
}
const context = {
  stanzaId: 'Q',
  participant: '1@lid',
  remoteJid: '12345@g.us',
  expiration: 5,
  ephemeralSettingTimestamp: 6,
}
const point = { key: { id: 'T', participant: '1@lid', fromMe: true }, type: 0, text: 'x' }
const flow = { header: words, body: words, footer: words, nativeFlowMessage: { buttons: [{ buttonParamsJson: '{}' }] } }
const samples = [
  { extendedTextMessage: { ...words, contextInfo: context } },
  ...['image', 'video', 'audio', 'document', 'sticker'].map((kind) => ({ [`${kind}Message`]: file })),
  { contactsArrayMessage: { contacts: [{ displayName: 'a', vcard: 'b' }, { displayName: 'c' }] } },
  { liveLocationMessage: { degreesLatitude: 1, degreesLongitude: 2, name: 'a', caption: 'b' } },
  { pollCreationMessage: { name: 'a', options: [{ optionName: 'b' }, { optionName: 'c' }] } },
  { pollResultSnapshotMessage: { name: 'a', pollVotes: [{ optionName: 'b', optionVoteCount: 1 }] } },
  { listMessage: { ...words, sections: [{ ...words, rows: [words] }] } },
  { buttonsMessage: { ...words, buttons: [{ buttonText: words }], imageMessage: file } },
  { templateMessage: { hydratedTemplate: { hydratedButtons: [{ urlButton: words }], videoMessage: file } } },
  { interactiveMessage: { ...flow, carouselMessage: { cards: [flow, flow] } } },
  { eventMessage: { name: 'a', startTime: 1_700_000_000, location: { name: 'b' } } },
  { productMessage: { product: { ...words, productImage: file } } },
  { sendPaymentMessage: { noteMessage: { conversation: 'a' } } },
  { reactionMessage: point },
  { protocolMessage: { ...point, type: 14, editedMessage: { ephemeralMessage: { message: { conversation: 'a' } } } } },
  { protocolMessage: { ...point, type: 0 } },
  { protocolMessage: { ...point, type: 3, ephemeralExpiration: 5, ephemeralSettingTimestamp: 6 } },
]

/** With something else at one place of it. */
function bent(whole: unknown, [step, ...path]: readonly number[], value: unknown): unknown {
  if (step === undefined || typeof whole !== 'object' || whole === null || whole instanceof Uint8Array) return value
  const names = Object.keys(whole)
  const name = names[step % names.length] ?? ''
  const inner = bent((whole as Record<string, unknown>)[name], path, value)
  return Array.isArray(whole) ? whole.with(Number(name), inner) : { ...whole, [name]: inner }
}

const odd = fc.constantFrom(null, Number.MAX_SAFE_INTEGER, 'x')
const bents = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 6 }),
    fc.oneof(leaves, odd),
  )
  .map(([sample, path, leaf]) => bent(sample, path, leaf))
const keyNames = fc.constantFrom('id', 'remoteJid', 'remoteJidAlt', 'participant', 'participantAlt', 'fromMe')
const keys = fc.oneof(
  fc.record({
    id: fc.constantFrom('A1', 'A_1@lid', ''),
    remoteJid: jids,
    remoteJidAlt: jids,
    participant: jids,
    participantAlt: jids,
  }),
  fc.dictionary(keyNames, leaves),
)

test('messages of any shape', { timeout: 120_000 }, async () => {
  let told = 0
  await fc.assert(
    fc.asyncProperty(keys, fc.oneof(messages, value, bents, bents), async (key, message) => {
      const heard = { message: { key, message } as WAMessage, at, offline: false }
      const events = await toldBy(heard, earFor())
      told += events.length
      expectLegal(events)
      const expiry = await expiryOf(heard, earFor())
      if (expiry !== null)
        expect([expiry.chat, expiry.at <= at && expiry.seconds >= 0]).toEqual([expect.stringMatching(chat), true])
    }),
    { numRuns: 6_000 },
  )
  expect(told).toBeGreaterThan(100)
})

test('messages that were tampered with on the way', { timeout: 120_000 }, async () => {
  const whole = proto.Message.fromObject({
    extendedTextMessage: { text: 'Hello', contextInfo: { stanzaId: 'Q', participant: '222333444555666@lid' } },
    imageMessage: { caption: 'Look', fileLength: 5, mediaKey: Buffer.alloc(32), directPath: '/v/a' },
    reactionMessage: { key: { id: 'T', remoteJid: 'x', fromMe: true }, text: '👍' },
    pollCreationMessage: { name: 'Lunch?', options: [{ optionName: 'Soup' }] },
  })
  const octets = proto.Message.encode(whole).finish()
  const changes = fc.array(fc.tuple(fc.nat({ max: octets.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(changes, async (some) => {
      const changed = Buffer.from(octets)
      for (const [where, octet] of some) changed[where] = octet
      const message = decoded(changed)
      if (message === null) return
      const { message: empty, ...heard } = heardOf({ remoteJid: '120363012345678901@g.us', participant: '1@lid' }, null)
      expectLegal(await toldBy({ ...heard, message: { ...empty, message } }, earFor()))
    }),
    { numRuns: 2_000 },
  )
})

function decoded(octets: Uint8Array): proto.IMessage | null {
  try {
    return proto.Message.decode(octets)
  } catch {
    return null
  }
}

const attrs = fc.dictionary(
  fc.constantFrom(
    ...[
      'id',
      'from',
      'type',
      't',
      'participant',
      'participant_pn',
      'sender_lid',
      'sender_pn',
      'recipient',
      'jid',
      'lid',
    ],
    ...['phone_number', 'subject', 'key', 'author', 'expiration', 'class', 'error', '__proto__'],
  ),
  fc.oneof(jids, leaves, fc.constantFrom('w:gp2', 'picture', 'read', 'devices', '1700000000', 'message')),
)
const tags = fc.constantFrom(
  ...['participant', 'add', 'remove', 'leave', 'promote', 'demote', 'subject', 'create', 'group', 'set', 'delete'],
  ...['ephemeral', 'not_ephemeral', 'list', 'item', 'participants', 'user', 'composing', 'paused', 'constructor'],
)
const { node: nodes } = fc.letrec((tie) => ({
  node: fc.record(
    {
      tag: tags,
      attrs: fc.oneof({ weight: 9, arbitrary: attrs }, { weight: 1, arbitrary: leaves }),
      content: tie('content'),
    },
    { requiredKeys: ['tag'] },
  ),
  content: fc.oneof(
    { depthSize: 'small' },
    leaves,
    fc.array(fc.oneof(tie('node'), tie('node'), leaves), { maxLength: 4 }),
  ),
}))
const framed = fc
  .tuple(nodes, jids, jids, fc.constantFrom('w:gp2', 'picture', 'read', 'devices'))
  .map(([node, from, participant, type]) => {
    const { attrs: before, ...rest } = Object(node)
    return { ...rest, attrs: { ...Object(before), from, participant, type, id: 'A' } } as unknown
  })

test('stanzas of any shape', { timeout: 120_000 }, async () => {
  let told = 0
  await fc.assert(
    fc.asyncProperty(fc.oneof(nodes, framed), async (made) => {
      const node = made as BinaryNode
      const ear = earFor()
      const all = [...receiptOf(node, ear), ...noticesOf(node, ear), ...(await typingOf(node, ear))]
      told += all.length
      expectLegal(all)
      const places = [touches(node), expiryOfNotice(node, ear)?.chat ?? null]
      for (const place of places) if (place !== null) expect(place).toMatch(/@g\.us$/)
      const ack = ackOf(node)
      if (ack !== null) expect(typeof ack.id).toBe('string')
    }),
    { numRuns: 5_000 },
  )
  expect(told).toBeGreaterThan(100)
})
