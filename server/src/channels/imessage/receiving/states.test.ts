/** What became of a row since it was told, and that each of it is told once. */
import { describe, expect, test } from 'vitest'
import type { Handle } from '../../../model/ids.ts'
import type { Incoming } from '../../connector.ts'
import type { Row, ServerChat } from '../backend.ts'
import { createStates, type Known, newsIn, nothingKnown } from './states.ts'
import { createTelling } from './telling.ts'

const nowMs = Date.UTC(2026, 10, 21, 10)
const now = new Date(nowMs)
const [sentAt, deliveredAt, readAt] = [new Date(nowMs - 3_000), new Date(nowMs - 2_000), new Date(nowMs - 1_000)]
const chat = 'iMessage;-;+14155551234'

function rowOf(what: Partial<Row>): Row {
  return {
    ...{ number: 7, guid: 'GUID-7', chat: { chat: chat as ServerChat, name: null, isGroup: false }, isOurs: true },
    ...{ from: null, service: 'iMessage', tempId: null, text: 'Hello', files: [], mayHaveFiles: false, replyTo: null },
    ...{ effect: null, at: sentAt, isDelivered: false, deliveredAt: null, readAt: null, editedAt: null },
    ...{ isUnsent: false, error: 0, tapback: null, change: null },
    ...what,
  }
}

const theirs = (what: Partial<Row>) => rowOf({ isOurs: false, from: '+14155551234' as Handle, ...what })
const news = (row: Row, known: Partial<Known> = {}) => {
  return newsIn(row, { ...nothingKnown, ...known }, nowMs).map(({ event }) => brief(event))
}

function brief(event: Incoming): unknown[] {
  if (event.kind === 'receipt') return [event.status, event.at, ...(event.code === undefined ? [] : [event.code])]
  if (event.kind === 'edit') return ['edit', event.at, event.text]
  return event.kind === 'unsend' ? ['unsend', event.at] : [event.kind]
}

describe('a row of ours', () => {
  test.each<[string, Partial<Row>, Partial<Known>, unknown[]]>([
    ['that was only sent', {}, {}, []],
    ['delivered, with its date', { isDelivered: true, deliveredAt }, {}, [['delivered', deliveredAt]]],
    ['delivered, with the date alone', { deliveredAt }, {}, [['delivered', deliveredAt]]],
    ['delivered in a group, where nobody says when', { isDelivered: true }, {}, [['delivered', now]]],
    [
      'read',
      { isDelivered: true, deliveredAt, readAt },
      {},
      [
        ['delivered', deliveredAt],
        ['read', readAt],
      ],
    ],
    [
      'read, of which nobody said that it was delivered',
      { readAt },
      {},
      [
        ['delivered', readAt],
        ['read', readAt],
      ],
    ],
    ['read, after it was told as delivered', { deliveredAt, readAt }, { isDelivered: true }, [['read', readAt]]],
    ['of which all is told', { deliveredAt, readAt }, { isDelivered: true, isRead: true }, []],
    ['that failed', { error: 22 }, {}, [['failed', now, 'imessage_error_22']]],
    ['that failed as was told', { error: 22 }, { error: 22 }, []],
    ['that failed anew, otherwise', { error: 4 }, { error: 22 }, [['failed', now, 'imessage_error_4']]],
    ['that failed once and arrived', { error: 22, deliveredAt }, { error: 22 }, [['delivered', deliveredAt]]],
    ['that was corrected on the Mac', { editedAt: readAt }, {}, []],
    ['that was taken back on the Mac', { isUnsent: true, text: null, editedAt: readAt }, {}, []],
    ['that is a feeling', { isDelivered: true, tapback: { target: 'A', reaction: 'love' } }, {}, []],
    ['that is a change', { isDelivered: true, change: { what: 'title', title: 'New' } }, {}, []],
  ])('%s', (_, what, known, expected) => {
    expect(news(rowOf(what), known)).toEqual(expected)
  })

  test.each([
    [22, 'This person cannot be reached over iMessage. (22)'],
    [34, 'The file could not be uploaded to Apple. (34)'],
    [99, 'Messages reported an error that is not known (99). It may have been sent.'],
  ])('that failed with %i says why in words', (error, detail) => {
    const [failed] = newsIn(rowOf({ error }), nothingKnown, nowMs)
    expect(failed?.event).toMatchObject({ kind: 'receipt', providerId: 'GUID-7', status: 'failed', detail })
  })
})

describe('a row of somebody else', () => {
  const editedMs = deliveredAt.getTime()
  test.each<[string, Partial<Row>, Partial<Known>, unknown[]]>([
    ['as it was written', { isDelivered: true, readAt }, {}, []],
    ['corrected', { editedAt: deliveredAt, text: 'Hallo' }, {}, [['edit', deliveredAt, 'Hallo']]],
    ['corrected, as was told', { editedAt: deliveredAt }, { editedMs }, []],
    ['corrected again', { editedAt: readAt, text: 'Hi' }, { editedMs }, [['edit', readAt, 'Hi']]],
    ['as it was before it was corrected again', { editedAt: sentAt }, { editedMs }, []],
    ['corrected until no word was left', { editedAt: readAt, text: null }, {}, [['edit', readAt, '']]],
    ['taken back', { isUnsent: true, text: null, editedAt: readAt }, { editedMs }, [['unsend', readAt]]],
    ['taken back, nobody says when', { isUnsent: true, text: null }, {}, [['unsend', now]]],
    ['taken back, as was told', { isUnsent: true, text: null, editedAt: readAt }, { isUnsent: true }, []],
    ['corrected, as was read before it was taken back', { editedAt: readAt }, { isUnsent: true }, []],
    ['that is a feeling', { editedAt: readAt, tapback: { target: 'A', reaction: 'love' } }, {}, []],
  ])('%s', (_, what, known, expected) => {
    expect(news(theirs(what), known)).toEqual(expected)
  })

  test('says in which chat it was corrected', () => {
    const [edit] = newsIn(theirs({ editedAt: readAt }), nothingKnown, nowMs)
    expect(edit?.event).toEqual({ kind: 'edit', target: 'GUID-7', chat, text: 'Hello', at: readAt })
  })
})

describe('telling it', () => {
  function stage(refusals = 0) {
    const told: unknown[] = []
    let left = refusals
    const receive = async (event: Incoming) => {
      await Promise.resolve()
      left -= 1
      if (left >= 0) throw new Error('The store is away.')
      told.push(brief(event)[0])
    }
    const states = createStates({ now: () => nowMs })
    return { told, states, telling: createTelling({ receive }, new AbortController().signal) }
  }

  test('from two sides at once tells it once', async () => {
    const { told, states, telling } = stage()
    const row = rowOf({ deliveredAt, readAt })
    await Promise.all([states.tell(row, telling), states.tell(row, telling), states.tell(rowOf({}), telling)])
    await states.tell(row, telling)
    expect(told).toEqual(['delivered', 'read'])
  })

  test('to a store that refuses it tells the rest of it the next time', async () => {
    const { told, states, telling } = stage(1)
    const row = rowOf({ deliveredAt, readAt })
    await expect(states.tell(row, telling)).rejects.toThrow('The store is away.')
    expect(told).toEqual([])
    await states.tell(row, telling)
    expect(told).toEqual(['delivered', 'read'])
  })

  test('never tells an older correction after a newer one', async () => {
    const { told, states, telling } = stage()
    const newer = theirs({ editedAt: readAt, text: 'Hi' })
    await Promise.all([states.tell(newer, telling), states.tell(theirs({ editedAt: deliveredAt }), telling)])
    expect(told).toEqual(['edit'])
  })
})
