/** Every kind of row, and what the gateway is told of it. */
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { ClientRef, Handle } from '../../../model/ids.ts'
import type { Incoming } from '../../connector.ts'
import type { Chat, Row, RowChange, RowFile, ServerChat } from '../backend.ts'
import { chatOf, type Ear, isPartial, sortOf, toldBy } from './translate.ts'

const at = new Date('2026-11-21T10:00:00Z')
const sinceMs = at.getTime() - 60_000
const us = '+12025550100' as Handle
const bob = '+14155551234' as Handle
const withBob = { chat: 'iMessage;-;+14155551234' as ServerChat, name: null, isGroup: false }
const friends = { chat: 'iMessage;+;chat42' as ServerChat, name: 'Friends', isGroup: true }
const anywhere = { chat: 'any;-;+14155551234' as ServerChat, name: null, isGroup: false }

function rowOf(what: Partial<Row> = {}): Row {
  return {
    ...{ number: 7, guid: 'GUID-7', chat: withBob, isOurs: false, from: bob, service: 'iMessage', tempId: null },
    ...{ text: 'Hello', files: [], mayHaveFiles: false, replyTo: null, effect: null, at, isDelivered: false },
    ...{ deliveredAt: null, readAt: null, editedAt: null, isUnsent: false, error: 0, tapback: null, change: null },
    ...what,
  }
}

const ours = (what: Partial<Row> = {}) => rowOf({ isOurs: true, from: null, ...what })
const photo: RowFile = {
  ...{ guid: 'at_0_1', mimeType: 'image/heic', name: 'IMG.HEIC', bytes: 9, isReady: true, voiceNote: false },
}

function earOf(facts: Partial<Chat> | null = null, ear: Partial<Ear> = {}): Ear {
  return {
    line: us,
    bubblesOf: (guid) => [guid],
    refOf: ({ guid }) => (guid === 'SENT' ? ('ref-1' as ClientRef) : null),
    facts: async (chat) => (facts === null ? null : { chat, isGroup: true, name: null, members: null, ...facts }),
    person: async (number) => (number === 3 ? ('Carol@Example.com' as Handle) : null),
    file: async (guid) => Readable.from([Buffer.from(guid)]),
    icon: async (chat) => Readable.from([Buffer.from(chat)]),
    ...ear,
  }
}

/** Without what can only be called. */
async function told(row: Row, ear = earOf()): Promise<unknown> {
  return JSON.parse(JSON.stringify(await toldBy(row, ear)))
}

const ordinary = {
  kind: 'message',
  providerId: 'GUID-7',
  chat: 'iMessage;-;+14155551234',
  from: bob,
  to: [us],
  at: at.toISOString(),
  echoOf: null,
  text: 'Hello',
  attachments: [],
  replyTo: null,
  group: null,
}

describe('what a row is', () => {
  test.each<[string, Row, string]>([
    ['what somebody wrote', rowOf(), 'message'],
    ['what somebody felt', rowOf({ tapback: { target: 'A', reaction: 'love' } }), 'reaction'],
    ['a change of a group', rowOf({ change: { what: 'title', title: 'New' } }), 'change'],
    ['a change that we made', ours({ change: { what: 'title', title: 'New' } }), 'change'],
    ['what was written here', ours(), 'ours'],
    ['what we felt', ours({ tapback: { target: 'A', reaction: 'love' } }), 'silent'],
    ['a kept recording, a place, a call', rowOf({ change: { what: 'other' } }), 'other'],
    ['SMS over the owner’s telephone', rowOf({ service: 'other' }), 'otherService'],
    ['SMS that was written here', ours({ service: 'other' }), 'otherService'],
    ['what was said before the line began', rowOf({ at: new Date(sinceMs - 1) }), 'old'],
    ['what was done before', rowOf({ at: new Date(sinceMs - 1), change: { what: 'title', title: 'Old' } }), 'old'],
    ['what was said as the line began', rowOf({ at: new Date(sinceMs) }), 'message'],
    ['what has no date', rowOf({ at: new Date(0) }), 'message'],
    ['what nobody wrote', rowOf({ from: null, chat: friends }), 'other'],
    ['what only one can have written', rowOf({ from: null }), 'message'],
  ])('%s', (_, row, expected) => {
    expect(sortOf(row, sinceMs)).toBe(expected)
  })
})

describe('a row that is not all there', () => {
  test.each<[string, Row, boolean]>([
    ['has no chat yet', rowOf({ chat: null }), true],
    ['has a text', rowOf(), false],
    ['has no text, and may have files', rowOf({ text: null, mayHaveFiles: true }), true],
    ['has a place for a file that does not show', rowOf({ mayHaveFiles: true }), true],
    ['has its file', rowOf({ text: null, mayHaveFiles: true, files: [photo] }), false],
    ['has a file that is still loading', rowOf({ files: [photo, { ...photo, isReady: false }] }), true],
    ['was taken back', rowOf({ text: null, mayHaveFiles: true, isUnsent: true }), false],
    ['was written here', ours({ text: null, mayHaveFiles: true }), false],
    ['is a feeling', rowOf({ text: null, mayHaveFiles: true, tapback: { target: 'A', reaction: 'love' } }), false],
    ['is a change', rowOf({ text: null, mayHaveFiles: true, change: { what: 'title', title: 'New' } }), false],
  ])('%s', (_, row, expected) => {
    expect(isPartial(row)).toBe(expected)
  })
})

describe('a message', () => {
  test('is told whole', async () => {
    expect(await told(rowOf())).toEqual(ordinary)
  })

  test.each<[string, Partial<Row>, object]>([
    ['in a chat that the Mac calls otherwise', { chat: anywhere }, {}],
    ['whose chat nobody knows', { chat: null }, {}],
    ['of somebody whom only the chat names', { from: null }, {}],
    ['of an answer', { replyTo: 'GUID-1' }, { replyTo: 'GUID-1' }],
    ['of an address in capitals', { from: 'Dora@Example.com' as Handle }, { from: 'dora@example.com' }],
    ['of a business', { from: 'urn:biz:1' as Handle }, { from: 'urn:biz:1' }],
    ['with an empty text', { text: '' }, { text: '[unsupported message]' }],
    ['of something that only Messages can show', { text: null }, { text: '[unsupported message]' }],
  ])('%s', async (_, what, different) => {
    expect(await told(rowOf(what))).toEqual({ ...ordinary, ...different })
  })

  test('has its files, which are opened by their guids', async () => {
    const voice = { ...photo, guid: 'at_0_2', mimeType: null, name: null, bytes: null, voiceNote: true }
    const row = rowOf({ text: null, files: [photo, { ...voice, isReady: false }] })
    const event = await toldBy(row, earOf())
    const files = event?.kind === 'message' ? event.attachments : []
    const bytes = await Promise.all(files.map(async (file) => Buffer.concat(await (await file.open()).toArray())))
    expect(bytes.map(String)).toEqual(['at_0_1', 'at_0_2'])
    expect(await told(row)).toMatchObject({
      text: null,
      attachments: [
        { mimeType: 'image/heic', filename: 'IMG.HEIC', bytes: 9, voiceNote: false },
        { mimeType: 'application/octet-stream', filename: null, bytes: null, voiceNote: true },
      ],
    })
  })

  test('in a group says who is in it and what it is called', async () => {
    const ear = earOf({ name: 'Old friends', members: [bob, 'Carol@Example.com' as Handle] })
    expect(await told(rowOf({ chat: friends }), ear)).toMatchObject({
      chat: 'iMessage;+;chat42',
      group: {
        chat: 'iMessage;+;chat42',
        name: 'Old friends',
        members: [
          { handle: bob, phoneKnown: true, admin: null },
          { handle: 'carol@example.com', phoneKnown: false, admin: null },
        ],
      },
    })
  })

  test('in a group of which nothing is to be had says so', async () => {
    const nobody = { chat: 'iMessage;+;chat42', name: 'Friends', members: [] }
    expect(await told(rowOf({ chat: friends }))).toMatchObject({ group: nobody })
    expect(await told(rowOf({ chat: friends }), earOf({ name: 'Friends' }))).toMatchObject({ group: nobody })
  })

  test('that was taken back before anybody heard of it is not told', async () => {
    expect(await told(rowOf({ text: null, isUnsent: true }))).toBeNull()
  })

  test('of a line without an address names nobody as its recipient', async () => {
    expect(await toldBy(rowOf(), earOf(null, { line: null }))).not.toHaveProperty('to')
  })
})

describe('what was written here', () => {
  test('is an echo when we sent it', async () => {
    expect(await told(ours({ guid: 'SENT' }))).toEqual({
      ...{ kind: 'message', providerId: 'SENT', chat: 'iMessage;-;+14155551234', from: us, at: at.toISOString() },
      ...{ echoOf: 'ref-1', text: 'Hello', attachments: [], replyTo: null, group: null },
    })
  })

  test('is the echo of all its bubbles', async () => {
    const ear = earOf(null, { bubblesOf: (guid) => [guid, 'NEXT'] })
    expect(await told(ours({ guid: 'SENT' }), ear)).toMatchObject({ echoOf: 'ref-1', parts: ['SENT', 'NEXT'] })
  })

  test('is nobody’s business when the owner wrote it', async () => {
    expect(await told(ours())).toBeNull()
  })

  test('proves no send when it was refused', async () => {
    expect(await told(ours({ guid: 'SENT', error: 22 }))).toBeNull()
  })

  test('is told in its group with those who are in it', async () => {
    expect(await told(ours({ guid: 'SENT', chat: friends }), earOf({ members: [bob] }))).toMatchObject({
      echoOf: 'ref-1',
      group: { members: [{ handle: bob }] },
    })
  })
})

describe('a reaction', () => {
  test.each<[string, Row['tapback'] & object]>([
    ['one of the six', { target: 'A', reaction: 'emphasize' }],
    ['an emoji', { target: 'A', reaction: '🎉' }],
    ['that is taken back', { target: 'A', reaction: null }],
  ])('%s', async (_, tapback) => {
    const chat = 'iMessage;-;+14155551234'
    const expected = { kind: 'reaction', ...tapback, chat, from: bob, at: at.toISOString() }
    expect(await told(rowOf({ text: 'Loved “Hello”', tapback }))).toEqual(expected)
  })

  test('of ours is not told', async () => {
    expect(await told(ours({ tapback: { target: 'A', reaction: 'love' } }))).toBeNull()
  })
})

describe('a change of a group', () => {
  const carol = 'carol@example.com'
  test.each<[string, RowChange, unknown]>([
    ['a name', { what: 'title', title: 'New' }, { what: 'title', title: 'New' }],
    ['no name any more', { what: 'title', title: '' }, { what: 'title', title: '' }],
    ['somebody new', { what: 'joined', person: { number: 3 } }, { what: 'joined', member: carol }],
    ['somebody sent away', { what: 'left', person: { number: 3 } }, { what: 'left', member: carol }],
    ['whoever left', { what: 'left', person: { handle: bob } }, { what: 'left', member: bob }],
    ['ourselves', { what: 'left', person: 'us' }, { what: 'left', member: us }],
    ['no picture any more', { what: 'photo', isRemoved: true }, { what: 'photo', photo: 'removed' }],
    ['a picture', { what: 'photo', isRemoved: false }, { what: 'photo', photo: { mark: null, url: null } }],
  ])('%s', async (_, change, expected) => {
    expect(await told(rowOf({ chat: friends, text: null, change }))).toEqual({
      ...{ kind: 'chat', providerId: 'GUID-7', chat: 'iMessage;+;chat42', actor: bob, at: at.toISOString() },
      change: expected,
    })
  })

  test('that was made here names the line', async () => {
    expect(await told(ours({ chat: friends, change: { what: 'title', title: 'New' } }))).toMatchObject({ actor: us })
  })

  test('has a picture that can be fetched', async () => {
    const event = await toldBy(rowOf({ chat: friends, change: { what: 'photo', isRemoved: false } }), earOf())
    const picture = photoIn(event)
    expect(String(Buffer.concat((await (await picture?.open?.())?.toArray()) ?? []))).toBe('iMessage;+;chat42')
  })

  test.each<[string, Partial<Row>, Partial<Ear>]>([
    ['about somebody whom nobody knows', { change: { what: 'joined', person: { number: 4 } } }, {}],
    ['about a line without an address', { change: { what: 'left', person: 'us' } }, { line: null }],
    ['of another kind', { change: { what: 'other' } }, {}],
    ['in no chat', { chat: null, change: { what: 'title', title: 'New' } }, {}],
  ])('%s is not told', async (_, what, ear) => {
    expect(await told(rowOf({ chat: friends, ...what }), earOf(null, ear))).toBeNull()
  })
})

test('a row of which nothing says where it belongs is in no chat', async () => {
  expect(chatOf(rowOf({ chat: null, from: null }))).toBeNull()
  expect(await told(ours({ guid: 'SENT', chat: null }))).toBeNull()
})

function photoIn(event: Incoming | null) {
  if (event?.kind !== 'chat' || event.change.what !== 'photo' || event.change.photo === 'removed') return null
  return event.change.photo
}
