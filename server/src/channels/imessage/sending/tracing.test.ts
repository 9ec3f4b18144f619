/** Which row a bubble of ours became, and what may be concluded from what is there and what is not. */
import { describe, expect, test } from 'vitest'
import { createHandClock } from '../../../../test/support/hand-clock.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ClientRef, ProviderChatId } from '../../../model/ids.ts'
import { memoryVault } from '../../conformance-stage.ts'
import type { Row, RowFile, ServerChat } from '../backend.ts'
import { createChatBook } from '../chats.ts'
import type { Bubble } from './bubbles.ts'
import { createJournal, type Entry, type KnownBubble } from './journal.ts'
import { compare, markOf } from './matching.ts'
import { createTracing, judge } from './tracing.ts'

const row = (what: Partial<Row>): Row => ({
  ...{ number: 1, guid: 'G', chat: null, isOurs: true, from: null, service: 'iMessage', tempId: null },
  ...{ text: null, files: [], mayHaveFiles: false, replyTo: null, effect: null, at: new Date(0) },
  ...{ isDelivered: false, deliveredAt: null, readAt: null, editedAt: null, isUnsent: false },
  ...{ error: 0, tapback: null, change: null },
  ...what,
})
const named = (name: string | null): RowFile => ({
  ...{ guid: 'F', mimeType: null, name, bytes: null, isReady: true, voiceNote: false },
})
const server = 'http://mac-1.test:1234'
const none = { replyTo: null, effect: null }
const text = (words: string): Bubble => ({ kind: 'text', text: words, ...none })
const gallery = (words: string | null, ...names: string[]): Bubble => ({
  ...{ kind: 'parts', text: words, mentions: [], ...none },
  files: names.map((name) => ({ name, file: {} as never })),
})
const file = (name: string): Bubble => ({ kind: 'file', name, file: {} as never, ...none })

test.each<[string, Bubble, Partial<Row>, string]>([
  ['the same words', text('Hi'), { text: 'Hi' }, 'yes'],
  ['blanks around them', text('  Hi\r\nyou \n'), { text: 'Hi\nyou' }, 'yes'],
  ['other words', text('Hi'), { text: 'hi' }, 'no'],
  ['emojis are words', text('🙂'), { text: '🙃' }, 'no'],
  ['words with a file', text('Hi'), { text: 'Hi', files: [named('a.png')] }, 'no'],
  ['somebody else', text('Hi'), { text: 'Hi', isOurs: false }, 'no'],
  ['a tapback', text('Hi'), { text: 'Hi', tapback: { target: 'T', reaction: 'love' } }, 'no'],
  ['a change of the group', text('Hi'), { text: 'Hi', change: { what: 'other' } }, 'no'],
  ['what went by SMS', text('Hi'), { text: 'Hi', service: 'other' }, 'no'],
  ['the same file', file('a.png'), { files: [named('a.png')] }, 'yes'],
  ['in other letters', file('A.PNG'), { text: '\uFFFC', files: [named('a.png')] }, 'yes'],
  ['a voice note that was made another', file('memo.mp3'), { files: [named('memo.caf')] }, 'yes'],
  ['another file', file('a.png'), { files: [named('b.png')] }, 'no'],
  ['a file that is not shown yet', file('a.png'), { text: '' }, 'maybe'],
  ['a file without a name', file('a.png'), { files: [named(null)] }, 'maybe'],
  ['words instead of a file', file('a.png'), { text: 'Hi' }, 'no'],
  ['a gallery', gallery(null, 'a.png', 'b.png'), { files: [named('b.png'), named('a.png')] }, 'yes'],
  ['half a gallery', gallery(null, 'a.png', 'b.png'), { files: [named('b.png')] }, 'maybe'],
  ['a gallery with its words', gallery('Hi', 'a.png'), { text: 'Hi', files: [named('a.png')] }, 'yes'],
  ['a gallery with others', gallery('Hi', 'a.png'), { text: 'Ho', files: [named('a.png')] }, 'no'],
  ['too much for a gallery', gallery(null, 'a.png'), { files: [named('a.png'), named('a.png')] }, 'no'],
])('%s', (_what, bubble, seen, match) => {
  expect(compare(markOf(bubble), row(seen))).toBe(match)
})

describe('what became of it', () => {
  const known = (guid: string | null, begunAt: number | null): KnownBubble => ({
    ...{ tempId: 't', mark: { text: 'x', files: [] }, worstMs: 210, guid, begunAt },
  })
  const chat = 'iMessage;-;+14155550100' as ProviderChatId
  const nothing = { failure: null, isUnsure: false }
  const failure = new SendFailure('unreachable', 'IMESSAGE_SEND_FAILED', 'no')

  test.each([
    ['all are there', [known('A', 0), known('B', 100)], nothing, 100_000, 'sent', null],
    ['one is not, and it is early', [known(null, 0)], nothing, 209, 'open', null],
    ['one is not, and it is late', [known(null, 0)], nothing, 210, 'failed', ['retryable', false]],
    ['the second is not, and it is early', [known('A', 0), known(null, 100)], nothing, 309, 'open', null],
    ['the second is not, and it is late', [known('A', 0), known(null, 100)], nothing, 310, 'failed', ['refused', true]],
    ['the second was never asked for', [known('A', 0), known(null, null)], nothing, 1, 'failed', ['refused', true]],
    ['neither is, and the second was never asked for', [known(null, 0), known(null, null)], nothing, 1, 'open', null],
    ['one may be', [known(null, 0)], { ...nothing, isUnsure: true }, 1_000_000, 'open', null],
    ['it is there with an error', [known('A', 0)], { ...nothing, failure }, 1, 'failed', ['unreachable', false]],
    [
      'the second has an error',
      [known('A', 0), known('B', 1)],
      { ...nothing, failure },
      2,
      'failed',
      ['refused', true],
    ],
  ] as const)('%s', (_what, bubbles, found, now, what, failed) => {
    const outcome = judge({ bubbles: [...bubbles], chat }, found, now)
    expect(outcome.what).toBe(what)
    const told = outcome.what === 'failed' ? [outcome.failure.kind, outcome.failure.partly] : null
    expect(told).toEqual(failed)
  })

  test('the parts of a message are named in their order, the first for all', () => {
    expect(judge({ bubbles: [known('A', 0), known('B', 1)], chat }, nothing, 2)).toEqual({
      what: 'sent',
      accepted: { providerId: 'A', chat, parts: ['A', 'B'] },
    })
  })
})

describe('the row that a send was answered with', () => {
  const minuteMs = 60_000
  const nowhere = { chat: async () => null, rowsSince: async () => [] }

  async function setUp() {
    const clock = createHandClock()
    const journal = createJournal({ vault: memoryVault(), clock, restore() {}, alsoRead: [] })
    const tracing = createTracing({
      clock,
      backend: nowhere,
      book: createChatBook({ backend: nowhere, clock }),
      journal,
      server,
    })
    let refs = 0
    const begun = async (bubble: Bubble) => {
      refs += 1
      const only: KnownBubble = {
        ...{ tempId: `t-${refs}`, mark: markOf(bubble), worstMs: minuteMs, begunAt: clock.now(), guid: null },
      }
      const entry: Entry = {
        ...{ ref: `ref-${refs}` as ClientRef, chat: 'iMessage;-;x' as ProviderChatId, at: clock.now() },
        ...{ bubbles: [only], before: { tries: 0, guids: [] }, end: 'open', failure: null, server },
      }
      await journal.write(entry)
      const ago = (ms: number, guid: string, what: Partial<Row>) =>
        tracing.answered(entry, only, row({ guid, at: new Date(clock.now() - ms), ...what }))
      return { only, ago }
    }
    return { begun }
  }

  test('is taken once, and only with its words', async () => {
    const { begun } = await setUp()
    const [first, second] = [await begun(text('yes')), await begun(text('yes'))]
    expect(first.ago(0, 'A', { text: 'no' })).toBe(false)
    expect([first.ago(0, 'A', { text: 'yes' }), first.only.guid]).toEqual([true, 'A'])
    expect([second.ago(0, 'A', { text: 'yes' }), second.only.guid]).toEqual([false, null])
    expect(second.ago(0, 'B', { text: 'yes' })).toBe(true)
  })

  test('may be of a clock that is behind, and is no message of half an hour ago', async () => {
    const { begun } = await setUp()
    const { ago } = await begun(text('yes'))
    expect(ago(31 * minuteMs, 'OLD', { text: 'yes' })).toBe(false)
    expect(ago(9 * minuteMs, 'NEW', { text: 'yes' })).toBe(true)
  })

  test('of a file need not show the file yet', async () => {
    const { begun } = await setUp()
    const { ago } = await begun(file('a.png'))
    expect([ago(0, 'A', { files: [named('b.png')] }), ago(0, 'A', { text: '' })]).toEqual([false, true])
  })
})

describe('a send that nobody heard the end of', () => {
  const chat = 'iMessage;-;+14155550100' as ProviderChatId

  /** Sent a day ago through the Mac that the line had then. */
  async function lookedFor(sentBy: string, rows: readonly Row[]) {
    const clock = createHandClock()
    const journal = createJournal({ vault: memoryVault(), clock, restore() {}, alsoRead: [] })
    const mac = {
      chat: async (name: ServerChat) => ({ chat: name, isGroup: false, name: null, members: null }),
      rowsSince: async () => rows,
    }
    const book = createChatBook({ backend: mac, clock })
    const tracing = createTracing({ clock, backend: mac, book, journal, server })
    const bubble: KnownBubble = {
      ...{ tempId: 't', mark: markOf(text('Hi')), worstMs: 210_000, begunAt: clock.now(), guid: null },
    }
    const entry: Entry = {
      ...{ ref: 'ref' as ClientRef, chat, at: clock.now(), bubbles: [bubble], before: { tries: 0, guids: [] } },
      ...{ end: 'open', failure: null, server: sentBy },
    }
    await journal.write(entry)
    await clock.advance(24 * 3_600_000)
    return (await tracing.look(entry, new AbortController().signal)).what
  }

  test('did not go out when the Mac that it was given to shows no trace of it', async () => {
    expect(await lookedFor(server, [])).toBe('failed')
  })

  test('may have gone out when the line has another Mac since, which cannot know', async () => {
    expect(await lookedFor('http://mac-0.test:1234', [])).toBe('open')
  })

  test('went out when it is there, wherever the Mac is by now', async () => {
    const there = row({ text: 'Hi', at: new Date(Date.UTC(2026, 0, 1)) })
    expect(await lookedFor('http://mac-0.test:1234', [there])).toBe('sent')
  })
})
