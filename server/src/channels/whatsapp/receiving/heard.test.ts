/** Every kind of message as WhatsApp writes it, and what the gateway is told of it. */
import { type proto, proto as wire } from 'baileys'
import { describe, expect, test } from 'vitest'
import { at, earFor, heardOf, type Known, plain } from '../../../../test/support/whatsapp-ear.ts'
import type { ChatInfo } from '../../connector.ts'
import { toldBy } from './heard.ts'

const bob = '14155551234@s.whatsapp.net'
const bobsLid = '111222333444555@lid'
const carolsLid = '222333444555666@lid'
const carol = '14155559876@s.whatsapp.net'
const ours = '16282895642@s.whatsapp.net'
const ourLid = '900000000000001@lid'
const group = '120363012345678901@g.us'
const { REVOKE, MESSAGE_EDIT, EPHEMERAL_SETTING, APP_STATE_SYNC_KEY_SHARE, SHARE_PHONE_NUMBER } =
  wire.Message.ProtocolMessage.Type

const fromBob = { remoteJid: bob }
const inGroup = { remoteJid: group, participant: bobsLid }

async function told(key: Parameters<typeof heardOf>[0], message: proto.IMessage | null, known?: Known) {
  return plain(await toldBy(heardOf(key, message), earFor(known)))
}

/** What Bob says in a chat of two, as far as it is special. */
async function said(message: proto.IMessage) {
  const [event, ...others] = await toldBy(heardOf(fromBob, message), earFor())
  if (event === undefined) return null
  if (event.kind !== 'message' || others.length > 0) throw new Error('That is no message.')
  const files = event.attachments.map(({ mimeType, filename, bytes, voiceNote }) => {
    return [mimeType, filename, bytes, ...(voiceNote ? ['voice'] : [])]
  })
  return { text: event.text, ...(files.length > 0 && { files }) }
}

const ordinary = {
  kind: 'message',
  providerId: '3EB0AA',
  chat: bob,
  from: '+14155551234',
  at: at.toISOString(),
  echoOf: null,
  text: 'Hello',
  attachments: [],
  replyTo: null,
  group: null,
}
const place = { degreesLatitude: 1.5, degreesLongitude: -2.25, name: 'Here', address: '1 Road' }
const template = {
  hydratedTitleText: 'Sale',
  hydratedContentText: 'All must go',
  hydratedFooterText: 'Shop',
  hydratedButtons: [
    { quickReplyButton: { displayText: 'Stop', id: '1' } },
    { urlButton: { displayText: 'Visit', url: 'https://shop.test' } },
    { callButton: { displayText: 'Call', phoneNumber: '+14155550000' } },
  ],
}
const templateText = 'Sale\nAll must go\nShop\n- Stop\n- Visit\nhttps://shop.test\n- Call\n+14155550000'
const interactive = {
  header: { title: 'Menu' },
  body: { text: 'Choose' },
  footer: { text: 'Cafe' },
  nativeFlowMessage: {
    buttons: [{ name: 'quick_reply', buttonParamsJson: '{"display_text":"Tea"}' }, { buttonParamsJson: '{' }],
  },
}
const poll = { name: 'Lunch?', options: [{ optionName: 'Soup' }, { optionName: 'Salad' }] }

test('a text is told whole', async () => {
  expect(await told(fromBob, { conversation: 'Hello' })).toEqual([ordinary])
  expect(await told(fromBob, { extendedTextMessage: { text: 'Hello' } })).toEqual([ordinary])
})

describe('people see the same', () => {
  test.each<[string, proto.IMessage, unknown]>([
    ['a picture', { imageMessage: { caption: 'Look', fileLength: 9 } }, ['Look', ['image/jpeg', null, 9]]],
    ['a video', { videoMessage: { mimetype: 'video/mp4', fileLength: 9 } }, [null, ['video/mp4', null, 9]]],
    ['a GIF', { videoMessage: { gifPlayback: true, caption: 'Ha' } }, ['Ha', ['video/mp4', null, null]]],
    ['a video note', { ptvMessage: { mimetype: 'video/mp4' } }, [null, ['video/mp4', null, null]]],
    ['a song', { audioMessage: { mimetype: 'audio/mpeg' } }, [null, ['audio/mpeg', null, null]]],
    [
      'a voice note',
      { audioMessage: { ptt: true, mimetype: 'audio/ogg; codecs=opus' } },
      [null, ['audio/ogg', null, null, 'voice']],
    ],
    ['a sticker', { stickerMessage: { mimetype: 'image/webp' } }, [null, ['image/webp', null, null]]],
    ['a sticker that moves', { stickerMessage: { isAnimated: true } }, [null, ['image/webp', null, null]]],
    [
      'a document',
      { documentMessage: { mimetype: 'application/pdf', fileName: 'a.pdf', title: 'A' } },
      [null, ['application/pdf', 'a.pdf', null]],
    ],
    [
      'a document with words',
      { documentWithCaptionMessage: { message: { documentMessage: { caption: 'Read', title: '/tmp/b.txt' } } } },
      ['Read', ['application/octet-stream', 'b.txt', null]],
    ],
    [
      'a card',
      { contactMessage: { displayName: 'Carol/-/Office', vcard: 'BEGIN:VCARD' } },
      [null, ['text/vcard', 'Carol - Office.vcf', 11]],
    ],
    [
      'cards',
      { contactsArrayMessage: { contacts: [{ vcard: 'BEGIN:VCARD' }, { displayName: 'Dora', vcard: 'é' }] } },
      [null, ['text/vcard', 'contact.vcf', 11], ['text/vcard', 'Dora.vcf', 2]],
    ],
    ['a card that is empty', { contactMessage: { displayName: 'Carol' } }, ['Carol']],
    ['a place', { locationMessage: place }, ['Here\n1 Road\nhttps://maps.google.com/?q=1.5,-2.25']],
    [
      'a place that moves',
      { liveLocationMessage: { degreesLatitude: 0, degreesLongitude: 0, caption: 'On my way' } },
      ['On my way\nhttps://maps.google.com/?q=0,0'],
    ],
    ['a place beyond the poles', { locationMessage: { ...place, degreesLatitude: 91 } }, ['Here\n1 Road']],
    ['a poll', { pollCreationMessageV3: poll }, ['Lunch?\n- Soup\n- Salad']],
    [
      'a poll in a wrapper',
      { pollCreationMessageV4: { message: { pollCreationMessage: poll } } },
      ['Lunch?\n- Soup\n- Salad'],
    ],
    [
      'the outcome of a poll',
      { pollResultSnapshotMessage: { name: 'Lunch?', pollVotes: [{ optionName: 'Soup', optionVoteCount: 2 }] } },
      ['Lunch?\n- Soup: 2'],
    ],
    [
      'a list',
      {
        listMessage: {
          title: 'Times',
          description: 'Pick one',
          sections: [{ title: 'Monday', rows: [{ title: '9:00', description: 'early' }] }],
          footerText: 'Salon',
        },
      },
      ['Times\nPick one\nMonday\n- 9:00\nearly\nSalon'],
    ],
    ['a choice of a list', { listResponseMessage: { title: '9:00', description: 'early' } }, ['9:00\nearly']],
    [
      'buttons',
      { buttonsMessage: { contentText: 'Sure?', buttons: [{ buttonText: { displayText: 'Yes' } }], imageMessage: {} } },
      ['Sure?\n- Yes', ['image/jpeg', null, null]],
    ],
    ['a button pressed', { buttonsResponseMessage: { selectedDisplayText: 'Yes' } }, ['Yes']],
    ['a template', { templateMessage: { hydratedTemplate: template } }, [templateText]],
    ['an older template', { highlyStructuredMessage: { hydratedHsm: { hydratedTemplate: template } } }, [templateText]],
    ['a template’s button', { templateButtonReplyMessage: { selectedDisplayText: 'Stop' } }, ['Stop']],
    [
      'a template of the newer kind',
      { templateMessage: { interactiveMessageTemplate: interactive } },
      ['Menu\nChoose\nCafe\n- Tea'],
    ],
    [
      'cards in a row',
      { interactiveMessage: { body: { text: 'Ours' }, carouselMessage: { cards: [interactive] } } },
      ['Ours\nMenu\nChoose\nCafe\n- Tea'],
    ],
    ['an answer to it', { interactiveResponseMessage: { body: { text: 'Tea' } } }, ['Tea']],
    [
      'a product',
      { productMessage: { product: { title: 'Cup', productImage: { mimetype: 'image/png' } } } },
      ['Cup', ['image/png', null, null]],
    ],
    ['an order', { orderMessage: { orderTitle: 'Cups', message: 'Two' } }, ['Cups\nTwo']],
    [
      'an event',
      { eventMessage: { name: 'Party', startTime: 1_800_000_000, location: { name: 'Here' } } },
      ['Party\n2027-01-15T08:00:00.000Z\nHere'],
    ],
    ['an invitation', { groupInviteMessage: { groupName: 'Launch', caption: 'Join us' } }, ['Launch\nJoin us']],
    ['money', { sendPaymentMessage: { noteMessage: { conversation: 'For lunch' } } }, ['For lunch']],
    ['what is shown once', { viewOnceMessageV2: { message: { conversation: 'Psst' } } }, ['Psst']],
    [
      'what disappears, wrapped twice',
      { ephemeralMessage: { message: { viewOnceMessage: { message: { imageMessage: { caption: 'Psst' } } } } } },
      ['Psst', ['image/jpeg', null, null]],
    ],
    ['what nobody knows', { requestPhoneNumberMessage: {} }, ['[unsupported message]']],
    ['a place without a place', { locationMessage: {} }, ['[unsupported message]']],
  ])('%s', async (_, message, expected) => {
    const { text, files = [] } = (await said(message)) ?? { text: 'nothing was told' }
    expect([text, ...files]).toEqual(expected)
  })

  test('a card can be read', async () => {
    const [event] = await toldBy(heardOf(fromBob, { contactMessage: { vcard: 'BEGIN:VCARD' } }), earFor())
    const [card] = event?.kind === 'message' ? event.attachments : []
    expect(Buffer.concat((await (await card?.open())?.toArray()) ?? []).toString()).toBe('BEGIN:VCARD')
  })

  test('a text of absurd length up to a limit, and no half of a character', async () => {
    expect((await said({ conversation: 'x'.repeat(1_000_000) }))?.text).toBe('x'.repeat(65_536))
    expect((await said({ conversation: `${'x'.repeat(65_535)}😀` }))?.text).toBe('x'.repeat(65_535))
  })
})

describe('nothing is told of', () => {
  test.each<[string, proto.IMessage | null]>([
    ['what could not be decrypted', null],
    ['an empty message', {}],
    ['an empty text', { conversation: '' }],
    ['keys', { senderKeyDistributionMessage: { groupId: group } }],
    ['what devices share', { protocolMessage: { type: APP_STATE_SYNC_KEY_SHARE } }],
    ['how long messages stay', { protocolMessage: { type: EPHEMERAL_SETTING, ephemeralExpiration: 86_400 } }],
    ['votes', { pollUpdateMessage: { pollCreationMessageKey: { id: '1' } } }],
    ['an album, whose pictures come by themselves', { albumMessage: { expectedImageCount: 2 } }],
    ['what is kept or pinned', { keepInChatMessage: { key: { id: '1' } }, pinInChatMessage: {} }],
    ['a reaction to nothing', { reactionMessage: { text: '👍' } }],
    ['an edit of nothing', { protocolMessage: { type: MESSAGE_EDIT } }],
  ])('%s', async (_, message) => {
    expect(await told(fromBob, message)).toEqual([])
  })

  test.each([
    ['what we wrote on the phone', { remoteJid: bob, fromMe: true }],
    ['what we wrote to ourselves', { remoteJid: ours }],
    ['what we wrote in a group', { remoteJid: group, participant: ourLid }],
    ['status updates', { remoteJid: 'status@broadcast', participant: bob }],
    ['lists of others', { remoteJid: '1600000000@broadcast', participant: bob }],
    ['channels', { remoteJid: '120363012345678901@newsletter' }],
    ['a group without a sender', { remoteJid: group }],
    ['the server', { remoteJid: 's.whatsapp.net' }],
    ['nobody', {}],
  ])('%s', async (_, key) => {
    expect(await told(key, { conversation: 'Hello' })).toEqual([])
  })
})

describe('who it is from', () => {
  const pair = { kind: 'handle', alias: bobsLid, phone: '+14155551234' }

  test('is told under the number, and before that, once, that they have two names', async () => {
    const ear = earFor()
    const heard = heardOf({ remoteJid: bobsLid, remoteJidAlt: bob }, { conversation: 'Hello' })
    const first = await toldBy(heard, ear)
    expect(plain(first)).toEqual([pair, ordinary])
    expect(plain(await toldBy(heard, ear))).toEqual([pair, ordinary])
    for (const event of first) ear.pairs.told(event)
    expect(plain(await toldBy(heard, ear))).toEqual([ordinary])
    const other = { remoteJid: bobsLid, remoteJidAlt: carol }
    expect(plain(await toldBy(heardOf(other, {}), ear))).toEqual([{ ...pair, phone: '+14155559876' }])
  })

  test('is looked up when the message shows the LID alone', async () => {
    const numbers = { [bobsLid]: '14155551234:0@s.whatsapp.net' }
    const key = { remoteJid: '111222333444555:4@lid' }
    expect(await told(key, { conversation: 'Hello' }, { numbers })).toEqual([pair, ordinary])
    expect(await told(key, { conversation: 'Hello' })).toEqual([{ ...ordinary, chat: bobsLid, from: bobsLid }])
  })

  test('is told even when they tell their number and nothing else', async () => {
    const shares = { protocolMessage: { type: SHARE_PHONE_NUMBER } }
    expect(await told({ remoteJid: bobsLid, remoteJidAlt: bob }, shares)).toEqual([pair])
  })

  test('is never one of our own names', async () => {
    const key = { remoteJid: bobsLid, remoteJidAlt: ours }
    expect(await told(key, { conversation: 'Hello' })).toEqual([{ ...ordinary, chat: bobsLid, from: bobsLid }])
  })
})

describe('in a group', () => {
  const info: ChatInfo = {
    chat: group as ChatInfo['chat'],
    name: 'Launch',
    members: [
      { handle: '+14155551234' as ChatInfo['members'][0]['handle'], phoneKnown: true, admin: null },
      { handle: carolsLid as ChatInfo['members'][0]['handle'], phoneKnown: false, admin: 'admin' },
    ],
  }
  const known = { groups: [info], numbers: { [bobsLid]: bob, [carolsLid]: carol } }
  const carols = { remoteJid: group, participant: carolsLid }

  test('a message names its author and who is in the group', async () => {
    const key = { ...inGroup, participantAlt: bob }
    const message = { ...ordinary, providerId: `3EB0AA_${bobsLid}`, chat: group, group: info }
    expect((await told(key, { conversation: 'Hello' }, known)).at(-1)).toEqual(message)
    const unknown = { chat: group, name: null, members: [] }
    expect(await told(inGroup, { conversation: 'Hello' })).toEqual([{ ...message, from: bobsLid, group: unknown }])
  })

  test.each<[string, proto.IContextInfo, string | null]>([
    ['their own', { stanzaId: 'Q1', participant: carolsLid }, `Q1_${carolsLid}`],
    ['theirs, by number', { stanzaId: 'Q1', participant: carol }, `Q1_${carolsLid}`],
    ['a stranger’s, by number', { stanzaId: 'Q1', participant: '14155550000@s.whatsapp.net' }, expect.anything()],
    ['ours', { stanzaId: 'Q1', participant: ourLid }, 'Q1'],
    ['ours, by number', { stanzaId: 'Q1', participant: ours }, 'Q1'],
    ['nobody’s', { stanzaId: 'Q1' }, null],
    ['nothing', { participant: carolsLid }, null],
  ])('an answer names what it answers: %s', async (_, contextInfo, replyTo) => {
    const message = { extendedTextMessage: { text: 'Indeed', contextInfo } }
    expect((await told(inGroup, message, known)).at(-1)).toMatchObject({ text: 'Indeed', replyTo })
  })

  test('an answer in private may be to what was said in a group, and never to a status', async () => {
    const replyTo = async (contextInfo: proto.IContextInfo) =>
      (await told(fromBob, { imageMessage: { contextInfo } })).map((event) => Object(event).replyTo)
    expect(await replyTo({ stanzaId: 'Q1', remoteJid: group, participant: carolsLid })).toEqual([`Q1_${carolsLid}`])
    expect(await replyTo({ stanzaId: 'Q1', remoteJid: 'status@broadcast', participant: ours })).toEqual([null])
    expect(await replyTo({ stanzaId: 'Q1', participant: ours })).toEqual(['Q1'])
  })

  test.each<[string, proto.IMessageKey, string | null]>([
    ['to ours', { id: 'T1', fromMe: true }, 'T1'],
    ['to ours, by our name', { id: 'T1', participant: ours }, 'T1'],
    ['to theirs', { id: 'T1', participant: carolsLid }, `T1_${carolsLid}`],
    ['to theirs, by number', { id: 'T1', participant: carol }, `T1_${carolsLid}`],
    ['to nobody’s', { id: 'T1' }, null],
  ])('a reaction names its target: %s', async (_, key, target) => {
    const events = await told(inGroup, { reactionMessage: { key, text: '❤️' } }, known)
    const reaction = {
      kind: 'reaction',
      target,
      chat: group,
      from: '+14155551234',
      reaction: '❤️',
      at: at.toISOString(),
    }
    expect(events.slice(1)).toEqual(target === null ? [] : [reaction])
  })

  const unsent = async (key: typeof inGroup, target: proto.IMessageKey, more: Known = known) =>
    (await told(key, { protocolMessage: { type: REVOKE, key: target } }, more))
      .filter((event) => Object(event).kind !== 'handle')
      .map((event) => Object(event).target)

  test('everybody takes back their own messages, and admins those of others', async () => {
    expect(await unsent(inGroup, { id: 'T1', fromMe: true })).toEqual([`T1_${bobsLid}`])
    expect(await unsent(inGroup, { id: 'T1', fromMe: true, participant: carolsLid })).toEqual([`T1_${bobsLid}`])
    expect(await unsent(inGroup, { id: 'T1', participant: bob })).toEqual([`T1_${bobsLid}`])
    expect(await unsent(inGroup, { id: 'T1', participant: carolsLid })).toEqual([])
    expect(await unsent(carols, { id: 'T1', participant: bobsLid })).toEqual([`T1_${bobsLid}`])
    expect(await unsent(carols, { id: 'T1', participant: ourLid })).toEqual(['T1'])
  })

  test('where the members are not known, the server’s word is taken for who may do that', async () => {
    expect(await unsent(inGroup, { id: 'T1', participant: carolsLid }, {})).toEqual([`T1_${carolsLid}`])
  })

  test('nobody corrects what others wrote', async () => {
    const edit = (key: proto.IMessageKey) =>
      told(inGroup, { protocolMessage: { type: MESSAGE_EDIT, key, editedMessage: { conversation: 'Mended' } } })
    const own = [
      { kind: 'edit', target: `T1_${bobsLid}`, chat: '120363012345678901@g.us', text: 'Mended', at: at.toISOString() },
    ]
    expect(await edit({ id: 'T1', fromMe: true, participant: bobsLid })).toEqual(own)
    expect(await edit({ id: 'T1', participant: carolsLid })).toEqual(own)
    const forged = `T1%005f222333444555666%0040lid_${bobsLid}`
    expect(await edit({ id: `T1_${carolsLid}`, fromMe: true })).toEqual([{ ...own[0], target: forged }])
  })
})

describe('in a chat of two', () => {
  test('a reaction comes and goes', async () => {
    const react = (text?: string) => told(fromBob, { reactionMessage: { key: { id: 'T1', fromMe: true }, text } })
    const reaction = { kind: 'reaction', target: 'T1', chat: bob, from: '+14155551234', at: at.toISOString() }
    expect(await react('👍')).toEqual([{ ...reaction, reaction: '👍' }])
    expect([await react(''), await react()]).toEqual([
      [{ ...reaction, reaction: null }],
      [{ ...reaction, reaction: null }],
    ])
  })

  test.each<[string, proto.IMessage, string]>([
    ['a text', { conversation: 'Mended' }, 'Mended'],
    ['the words under a picture', { imageMessage: { caption: 'Mended' } }, 'Mended'],
    ['the words under a picture, gone', { imageMessage: {} }, ''],
  ])('they correct %s of theirs', async (_, editedMessage, text) => {
    const protocolMessage = { type: MESSAGE_EDIT, key: { id: 'T1', fromMe: true }, editedMessage }
    const edit = [{ kind: 'edit', target: 'T1', chat: '14155551234@s.whatsapp.net', text, at: at.toISOString() }]
    expect(await told(fromBob, { protocolMessage })).toEqual(edit)
    expect(await told(fromBob, { editedMessage: { message: { protocolMessage } } })).toEqual(edit)
  })

  test('they take back what is theirs, and neither that nor a correction reaches what is ours', async () => {
    const revise = (type: proto.Message.ProtocolMessage.Type, fromMe: boolean) => {
      const editedMessage = { conversation: 'Forged' }
      return told(fromBob, { protocolMessage: { type, key: { id: 'T1', fromMe }, editedMessage } })
    }
    expect(await revise(REVOKE, true)).toEqual([
      { kind: 'unsend', target: 'T1', chat: '14155551234@s.whatsapp.net', at: at.toISOString() },
    ])
    expect([await revise(REVOKE, false), await revise(MESSAGE_EDIT, false)]).toEqual([[], []])
  })

  test('nothing that they say reaches a message of a group', async () => {
    const key = { id: `T1_${carolsLid}`, fromMe: true, remoteJid: group, participant: carolsLid }
    expect(await told(fromBob, { protocolMessage: { type: REVOKE, key } })).toEqual([
      expect.objectContaining({ target: 'T1%005f222333444555666%0040lid' }),
    ])
  })
})
