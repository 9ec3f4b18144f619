/** Rows as the server writes them, what we read out of them, and that nothing in them can do harm. */
import { describe, expect, test } from 'vitest'
import { appleEffect, effectOf } from './effects.ts'
import { chatIn, personOf, rowIn } from './rows.ts'

const at = Date.UTC(2026, 5, 1)
const person = { originalROWID: 4, address: '+15550001111', service: 'iMessage', country: 'us' }
const direct = { originalROWID: 2, guid: 'iMessage;-;+15550001111', style: 45, displayName: '' }
const group = { originalROWID: 3, guid: 'iMessage;+;chat77', style: 43, displayName: 'Friends' }

const usual = {
  ...{ originalROWID: 12, guid: 'G-12', text: 'hello', attributedBody: null, handle: person, handleId: 4 },
  ...{ otherHandle: 0, attachments: [], subject: null, error: 0, dateCreated: at, dateRead: null },
  ...{ dateDelivered: null, isDelivered: false, isFromMe: false, itemType: 0, groupTitle: null, groupActionType: 0 },
  ...{ associatedMessageGuid: null, associatedMessageType: null, expressiveSendStyleId: null },
  ...{ threadOriginatorGuid: null, dateEdited: null, dateRetracted: null, partCount: 1, messageSummaryInfo: null },
  ...{ isAudioMessage: false, chats: [direct] },
}
const read = (changes: object) => rowIn({ ...usual, ...changes })

test('a message is read', () => {
  expect(rowIn(usual)).toEqual({
    ...{ number: 12, guid: 'G-12', isOurs: false, from: '+15550001111', service: 'iMessage', tempId: null },
    chat: { chat: 'iMessage;-;+15550001111', name: null, isGroup: false },
    ...{ text: 'hello', files: [], mayHaveFiles: false, replyTo: null, effect: null, at: new Date(at) },
    ...{ isDelivered: false, deliveredAt: null, readAt: null, editedAt: null, isUnsent: false, error: 0 },
    ...{ tapback: null, change: null },
  })
})

test('a date that Apple has not set is none', () => {
  const none = Date.UTC(2001, 0, 1)
  const row = read({ dateRead: none, dateDelivered: none, dateEdited: 0, dateCreated: -1 })
  expect(row).toMatchObject({ readAt: null, deliveredAt: null, editedAt: null, at: new Date(0) })
})

test('what was sent from here is nobody’s, and may say how we named it', () => {
  const row = read({ isFromMe: true, handle: null, tempGuid: 't-1', isDelivered: true, dateDelivered: at + 5 })
  expect(row).toMatchObject({ isOurs: true, from: null, tempId: 't-1', isDelivered: true })
  expect(row?.deliveredAt).toEqual(new Date(at + 5))
})

test.each([
  ['iMessage', false, 'iMessage;-;x', 'iMessage'],
  ['iMessage', false, 'any;-;x', 'iMessage'],
  ['iMessageLite', false, 'iMessage;-;x', 'iMessage'],
  ['SMS', false, 'any;-;x', 'other'],
  ['RCS', false, 'iMessage;-;x', 'other'],
  ['SMS', true, 'iMessage;-;x', 'iMessage'],
  [undefined, true, 'any;-;x', 'iMessage'],
  [undefined, true, 'SMS;-;x', 'other'],
  [undefined, true, 'RCS;-;x', 'other'],
  [undefined, false, 'SMS;-;x', 'other'],
  [undefined, true, undefined, 'iMessage'],
])('somebody on %s, ours: %s, in %s: %s', (service, isFromMe, guid, expected) => {
  const chats = guid === undefined ? undefined : [{ guid }]
  expect(read({ handle: { ...person, service }, isFromMe, chats })?.service).toBe(expected)
})

test.each([
  [' hello ', 'hello'],
  ['\ufffchello', 'hello'],
  ['', null],
  ['\ufffc', null],
  [null, null],
  [7, null],
  ['half \ud83d', 'half \ufffd'],
])('the text %j is %j', (text, expected) => {
  expect(read({ text })?.text).toBe(expected)
})

describe('files', () => {
  const file = {
    ...{ originalROWID: 9, guid: 'at_0_F', uti: 'public.png', mimeType: 'image/png', transferName: 'a.png' },
    ...{ totalBytes: 5, transferState: 5, isOutgoing: false, hideAttachment: false },
  }
  const filesOf = (...attachments: unknown[]) => read({ text: '', attachments })?.files

  test('are read, each once', () => {
    expect(filesOf(file, file, { ...file, guid: 'at_1_F', transferState: 1, totalBytes: 'x' })).toEqual([
      { guid: 'at_0_F', mimeType: 'image/png', name: 'a.png', bytes: 5, isReady: true, voiceNote: false },
      { guid: 'at_1_F', mimeType: 'image/png', name: 'a.png', bytes: null, isReady: false, voiceNote: false },
    ])
  })

  test('that only make a preview are none', () => {
    expect(filesOf({ ...file, hideAttachment: true }, { ...file, transferName: 'x.pluginPayloadAttachment' })).toEqual(
      [],
    )
  })

  test.each([
    ['com.apple.coreaudio-format', 'audio/mp3', 'Audio Message.mp3.mp3', 'audio/x-caf', 'Audio Message.caf'],
    ['com.apple.coreaudio-format', 'audio/mp3', 'Audio Message.caf.mp3', 'audio/x-caf', 'Audio Message.caf'],
    ['com.apple.coreaudio-format', 'audio/x-caf', 'Audio Message.caf', 'audio/x-caf', 'Audio Message.caf'],
    ['public.heic', 'image/jpeg', 'IMG.HEIC.jpeg', 'image/heic', 'IMG.HEIC'],
    ['public.heic', 'image/heic', 'IMG.HEIC', 'image/heic', 'IMG.HEIC'],
    ['public.tiff', 'image/jpeg', 'scan.tiff.jpeg', 'image/tiff', 'scan.tiff'],
    ['public.jpeg', 'image/jpeg', 'a.b.jpeg', 'image/jpeg', 'a.b.jpeg'],
    ['public.mp3', 'audio/mpeg', 'song.mp3', 'audio/mpeg', 'song.mp3'],
  ])('of %s told as %s %s are what was sent', (uti, mimeType, transferName, type, name) => {
    expect(filesOf({ ...file, uti, mimeType, transferName })).toMatchObject([{ mimeType: type, name }])
  })

  test('are voice notes by the row, and by their type where the row does not say', () => {
    const caf = { ...file, uti: 'com.apple.coreaudio-format' }
    const { isAudioMessage: _, ...unsaid } = usual
    expect(rowIn({ ...usual, isAudioMessage: true, attachments: [file] })?.files[0]?.voiceNote).toBe(true)
    expect(rowIn({ ...usual, isAudioMessage: false, attachments: [caf] })?.files[0]?.voiceNote).toBe(false)
    expect(rowIn({ ...unsaid, attachments: [caf] })?.files[0]?.voiceNote).toBe(true)
    expect(rowIn({ ...unsaid, attachments: [file] })?.files[0]?.voiceNote).toBe(false)
  })

  test.each([
    ['', [], true],
    ['\ufffc', [], true],
    ['see \ufffc', [], true],
    ['hello', [], false],
    ['', [file], false],
  ])('may still come with %j and %j', (text, attachments, expected) => {
    expect(read({ text, attachments })?.mayHaveFiles).toBe(expected)
  })

  test.each([
    ['look', [], 1, false],
    ['look', [], 2, true],
    ['look', [file], 2, false],
    ['look', [file], 3, true],
    ['', [file], 1, false],
    ['', [file], 2, true],
    ['look', [], null, false],
  ])('with %j and %j of so many parts: %j', (text, attachments, partCount, expected) => {
    expect(read({ text, attachments, partCount })?.mayHaveFiles).toBe(expected)
  })
})

describe('a message', () => {
  test('answers another', () => {
    expect(read({ threadOriginatorGuid: 'G-1', threadOriginatorPart: '0:0:5' })?.replyTo).toBe('G-1')
  })

  test('has an effect that we know, or none', () => {
    const style = 'com.apple.messages.effect.CKHappyBirthdayEffect'
    expect(read({ expressiveSendStyleId: style })?.effect).toBe('balloons')
    expect(read({ expressiveSendStyleId: 'com.example.other' })?.effect).toBeNull()
  })

  test('was edited', () => {
    expect(read({ dateEdited: at + 9, text: 'better' })).toMatchObject({
      ...{ editedAt: new Date(at + 9), isUnsent: false, text: 'better' },
    })
  })

  test.each([
    ['nothing is left', { text: null, dateEdited: at, partCount: 0 }, true],
    ['of some its parts are gone', { text: null, dateEdited: at, partCount: 1 }, false],
    [
      'a summary tells',
      { text: '', dateEdited: at, partCount: null, messageSummaryInfo: [{ retractedParts: [0] }] },
      true,
    ],
    ['a summary tells of nothing', { text: '', dateEdited: at, partCount: null, messageSummaryInfo: [{}] }, false],
    ['it has a text', { text: 'hi', dateEdited: at, partCount: 0 }, false],
    ['it was never edited', { text: null, partCount: 0 }, false],
    ['it says so', { text: 'hi', dateRetracted: at }, true],
  ])('was taken back when %s', (_, changes, expected) => {
    const row = read(changes)
    expect(row?.isUnsent).toBe(expected)
    if (expected) expect(row).toMatchObject({ text: null, mayHaveFiles: false })
  })
})

describe('a tapback', () => {
  const on = 'p:0/G-1'
  test.each([
    ['love', 'x', 'love'],
    ['question', 'x', 'question'],
    ['-love', 'x', null],
    ['2000', 'x', 'love'],
    [2005, 'x', 'question'],
    ['3001', 'x', null],
    ['2006', 'Reacted 🎉 to “party 🥳”', '🎉'],
    ['2006', 'Reagierte mit 👩‍👩‍👧 auf', '👩‍👩‍👧'],
    ['2006', 'Reacted 👍🏽 to “hi”', '👍🏽'],
    ['3006', 'Removed a 🎉 from “party”', null],
    ['🎉', 'x', '🎉'],
    ['-🎉', 'x', null],
  ])('of the type %s with the text %s is %s', (associatedMessageType, text, reaction) => {
    const row = read({ associatedMessageGuid: on, associatedMessageType, text })
    expect(row).toMatchObject({ tapback: { target: 'G-1', reaction }, change: null })
  })

  test.each(['p:0/G-1', 'p:3/G-1', 'bp:G-1', 'G-1'])('on %s is on G-1', (associatedMessageGuid) => {
    expect(read({ associatedMessageGuid, associatedMessageType: 'like' })?.tapback?.target).toBe('G-1')
  })

  test.each([
    ['2006', 'no emoji here 7'],
    ['2006', null],
    ['2007', ''],
    ['3007', ''],
    ['2999', ''],
  ])('of the type %s with the text %j is nothing to tell', (associatedMessageType, text) => {
    const row = read({ associatedMessageGuid: on, associatedMessageType, text })
    expect(row).toMatchObject({ tapback: null, change: { what: 'other' }, mayHaveFiles: false })
  })

  test.each(['sticker', '-sticker', '2', '3', 'unheard-of', null])('is no %s', (associatedMessageType) => {
    expect(read({ associatedMessageGuid: on, associatedMessageType })).toMatchObject({ tapback: null, change: null })
  })
})

describe('a change of a group', () => {
  test.each<[object, object]>([
    [
      { itemType: 1, groupActionType: 0, otherHandle: 9 },
      { what: 'joined', person: { number: 9 } },
    ],
    [
      { itemType: 1, groupActionType: 1, otherHandle: 9 },
      { what: 'left', person: { number: 9 } },
    ],
    [
      { itemType: 1, groupActionType: 1, otherHandle: 0 },
      { what: 'left', person: 'us' },
    ],
    [{ itemType: 1, groupActionType: 0, otherHandle: null }, { what: 'other' }],
    [
      { itemType: 2, groupTitle: 'New' },
      { what: 'title', title: 'New' },
    ],
    [
      { itemType: 2, groupTitle: null },
      { what: 'title', title: '' },
    ],
    [
      { itemType: 3, groupActionType: 0 },
      { what: 'left', person: { handle: '+15550001111' } },
    ],
    [
      { itemType: 3, groupActionType: 0, isFromMe: true, handle: null },
      { what: 'left', person: 'us' },
    ],
    [{ itemType: 3, groupActionType: 0, handle: null }, { what: 'other' }],
    [
      { itemType: 3, groupActionType: 1 },
      { what: 'photo', isRemoved: false },
    ],
    [
      { itemType: 3, groupActionType: 2 },
      { what: 'photo', isRemoved: true },
    ],
    [{ itemType: 3, groupActionType: 7 }, { what: 'other' }],
    [{ itemType: 5 }, { what: 'other' }],
    [{ itemType: 6 }, { what: 'other' }],
  ])('%j is %j', (changes, change) => {
    expect(read({ text: null, chats: [group], ...changes })).toMatchObject({ change, mayHaveFiles: false })
  })
})

describe('a chat', () => {
  test('is read with its people, each once', () => {
    const participants = [person, { ...person, service: 'SMS' }, { address: 'A@B.example' }, { address: null }, 7]
    expect(chatIn({ ...group, participants })).toEqual({
      ...{ chat: 'iMessage;+;chat77', isGroup: true, name: 'Friends' },
      members: ['+15550001111', 'a@b.example'],
    })
  })

  test('without people is one of which they are not known', () => {
    expect(chatIn(direct)).toEqual({ chat: direct.guid, isGroup: false, name: null, members: null })
    expect(chatIn({ ...group, style: undefined })?.isGroup).toBe(true)
    expect(chatIn({})).toBeNull()
  })
})

test.each([
  ['+1 (555) 000-1111', '+15550001111'],
  ['Me@Example.COM', 'me@example.com'],
  ['urn:biz:0a1b', 'urn:biz:0a1b'],
  ['26262', '26262'],
  ['', null],
  ['  ', null],
  ['a\u0000b', null],
  [5, null],
  ['x'.repeat(501), null],
])('%j is %j', (address, expected) => {
  expect(personOf(address)).toBe(expected)
})

test('effects are the same in both directions', () => {
  const ours = ['slam', 'loud', 'gentle', 'invisibleInk', 'echo', 'spotlight', 'balloons', 'confetti', 'love']
  for (const name of [...ours, 'lasers', 'fireworks']) {
    expect(appleEffect(name)).toMatch(/^com\.apple\.(MobileSMS\.expressivesend|messages\.effect)\./)
    expect(effectOf(appleEffect(name) ?? '')).toBe(name)
  }
  expect([appleEffect('constructor'), effectOf('constructor')]).toEqual([null, null])
})

describe('whatever the server says', () => {
  const hostile: unknown[] = [
    ...[undefined, null, true, false, 0, -1, 1.5, Number.NaN, 1e300, '', 'x', 'x'.repeat(1_000_000), '\u0000'],
    ...[[], [[]], [null], [7], {}, { guid: {} }, { __proto__: null }, Array(5_000).fill({ guid: 'a' })],
  ]

  test('a row that has no id or no number is none', () => {
    for (const value of hostile) expect(rowIn(value)).toBeNull()
    expect(read({ guid: null })).toBeNull()
    expect(read({ originalROWID: null })).toBeNull()
    expect(read({ originalROWID: 2 ** 60 })).toBeNull()
  })

  test.each(Object.keys(usual))('%s never throws, and stays within bounds', (field) => {
    for (const value of hostile) {
      const row = read({ [field]: value, text: field === 'text' ? value : 'hello' })
      if (row === null) continue
      expect(row.files.length).toBeLessThanOrEqual(100)
      expect(JSON.stringify(row).length).toBeLessThan(200_000)
      expect(Number.isNaN(row.at.getTime())).toBe(false)
    }
  })

  test('chats never throw', () => {
    for (const value of hostile) {
      chatIn(value)
      expect(chatIn({ guid: 'iMessage;+;c', style: value, displayName: value, participants: value })).not.toBeNull()
    }
  })
})
