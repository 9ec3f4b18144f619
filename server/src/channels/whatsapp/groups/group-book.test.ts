/** What is remembered of groups: for how long, for how many, and what is made of what the library says. */
import type { GroupMetadata } from 'baileys'
import { expect, test } from 'vitest'
import type { ProviderChatId } from '../../../model/ids.ts'
import { createGroupBook, type GroupBookOptions } from './group-book.ts'

const chat = (digits: number | string) => `${digits}@g.us` as ProviderChatId
const group = (id: string, more: Partial<GroupMetadata> = {}): GroupMetadata => ({
  ...{ id, subject: 'Plans', owner: undefined },
  participants: [{ id: '11@lid', phoneNumber: '15550001@s.whatsapp.net', admin: 'superadmin' }],
  ...more,
})

function setUp(more: Partial<GroupBookOptions> = {}) {
  let now = 0
  const asked: string[] = []
  const book = createGroupBook({
    clock: { monotonic: () => now },
    fetch: async (id) => {
      asked.push(id)
      return group(id)
    },
    isUs: () => false,
    ...more,
  })
  return { book, asked, pass: (ms: number) => (now += ms) }
}

test('a group is asked for once in ten minutes, however many want to know at the same time', async () => {
  const { book, asked, pass } = setUp()
  const [info, metadata] = await Promise.all([book.info(chat(1)), book.metadata(chat(1))])
  expect([info.name, metadata.subject]).toEqual(['Plans', 'Plans'])
  pass(599_999)
  await book.info(chat(1))
  expect(asked).toEqual(['1@g.us'])
  pass(1)
  await book.info(chat(1))
  expect(asked).toEqual(['1@g.us', '1@g.us'])
})

test('what was forgotten is asked for again, also if an answer is still on its way', async () => {
  const names = ['before', 'after']
  const { book } = setUp({ fetch: async (id) => group(id, { subject: names.shift() ?? 'too many' }) })
  const early = book.info(chat(1))
  book.forget(chat(1))
  expect([(await book.info(chat(1))).name, (await early).name]).toEqual(['after', 'before'])
  expect((await book.info(chat(1))).name).toBe('after')
})

test('what was told need not be asked for', async () => {
  const { book, asked } = setUp()
  expect((await book.keep(group('1@g.us', { subject: 'Told' }))).name).toBe('Told')
  expect([(await book.info(chat(1))).name, asked]).toEqual(['Told', []])
})

test('a failure is told and not kept', async () => {
  const failures = [new Error('not now')]
  const { book } = setUp({
    fetch: async (id) => {
      const failure = failures.pop()
      if (failure) throw failure
      return group(id)
    },
  })
  await expect(book.info(chat(1))).rejects.toThrow('not now')
  expect((await book.info(chat(1))).name).toBe('Plans')
})

test('of more than a thousand groups the one that was asked for first is let go', async () => {
  const { book, asked } = setUp()
  for (let index = 0; index < 1_001; index += 1) await book.info(chat(index))
  await book.info(chat(1_000))
  await book.info(chat(1))
  expect(asked.length).toBe(1_001)
  await book.info(chat(0))
  expect(asked.slice(1_001)).toEqual(['0@g.us'])
})

test('members go by their number wherever it is known, and we are not among them', async () => {
  const pairs: unknown[] = []
  const { book } = setUp({
    fetch: async (id) =>
      group(id, {
        size: 5,
        participants: [
          { id: '11@lid', phoneNumber: '15550001@s.whatsapp.net', admin: 'superadmin' },
          { id: '12@lid', phoneNumber: '15550002@s.whatsapp.net', admin: null },
          { id: '13@lid', admin: 'admin' },
          { id: '14@lid' },
          { id: '15550005@s.whatsapp.net', lid: '15@lid', admin: null },
        ],
      }),
    isUs: (jid) => jid === '15550001@s.whatsapp.net',
    numberOf: async (lid) => (lid === '13@lid' ? '15550003:7@s.whatsapp.net' : null),
    paired: async (people) => void pairs.push(...people),
  })
  expect(await book.info(chat(1))).toEqual({
    chat: '1@g.us',
    name: 'Plans',
    members: [
      { handle: '+15550002', phoneKnown: true, admin: null },
      { handle: '+15550003', phoneKnown: true, admin: 'admin' },
      { handle: '14@lid', phoneKnown: false, admin: null },
      { handle: '+15550005', phoneKnown: true, admin: null },
    ],
  })
  expect(pairs).toEqual([
    ['12@lid', '15550002@s.whatsapp.net'],
    ['13@lid', '15550003:7@s.whatsapp.net'],
    ['14@lid', null],
    ['15550005@s.whatsapp.net', '15@lid'],
  ])
})

test('part of a roster is no roster, and an empty name none', async () => {
  const { book } = setUp({ fetch: async (id) => group(id, { size: 2, subject: '' }) })
  expect(await book.info(chat(1))).toEqual({ chat: '1@g.us', name: null, members: [] })
})
