/** What hardly ever happens to somebody with two names: things that are told while their number is coming out. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { createChats } from '../../src/messaging/chats/chats.ts'
import { createInbox } from '../../src/messaging/inbox.ts'
import { createLedgers } from '../../src/messaging/ledgers.ts'
import { memberOf } from '../../src/model/chat-change.ts'
import type { ConversationId, CustomerId, EventId, Handle, LineId, MessageId } from '../../src/model/ids.ts'
import type { Line } from '../../src/model/line.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const lid = '77@lid' as Handle
const phone = '+14155550177' as Handle
const us = '+15550100100' as Handle

let database: TestDatabase
let store: Store
let place: { customerId: CustomerId; lineId: LineId; channel: 'whatsapp' }
beforeAll(async () => {
  database = await createTestDatabase()
  store = createStore(database.db, createSealedBox(Buffer.alloc(32, 7)))
})
afterAll(() => database.drop())
beforeEach(async () => {
  place = { customerId: mint() as CustomerId, lineId: mint() as LineId, channel: 'whatsapp' }
  const text = `insert into customers (id, email, name) values ($1, $2, 'test')`
  await database.db.query({ name: '', text }, [place.customerId, `${place.customerId}@test`])
})

const chatNamed = (chat: string, handle: Handle) => ({
  ...{ ...place, chat: chat as never, id: mint() as ConversationId, handle, isGroup: false, name: null },
  participants: [memberOf(handle)],
})

test('a network that answers with their other name makes a group of people with numbers', async () => {
  await store.aliases.learn(place, lid, phone)
  const line: Line = {
    ...{ id: place.lineId, customerId: place.customerId, name: 'line', address: us, email: null },
    ...{ channels: ['whatsapp'], provider: 'sandbox', providers: {}, isDefault: true, status: 'active', links: {} },
  }
  const members = [lid, phone].map((handle) => ({ handle, phoneKnown: handle === phone, admin: null }))
  const chats = createChats({
    ...{ clock: systemClock, mint, conversations: store.conversations, chats: store.chats, aliases: store.aliases },
    lines: async () => [line],
    providers: new Map(),
    egress: { request: () => Promise.reject(new Error('not used')) },
    keepFile: () => Promise.reject(new Error('not used')),
    onError: () => undefined,
    act: async () => ({ chat: '120363041234567890@g.us', name: 'Kitchen', members }),
    told: () => undefined,
  })
  const asked = { channel: 'whatsapp', from: null, name: 'Kitchen', participants: [phone] } as const
  const { conversation } = await chats.createGroup(place, asked)
  expect(conversation.participants).toEqual([memberOf(phone)])
})

test('a word that was read before their number came out and is stored after it counts for the number', async () => {
  const conversation = await store.conversations.ensure(chatNamed(lid, lid))
  await store.aliases.learn(place, lid, phone)
  const id = mint() as MessageId
  const content = {
    ...{ text: 'STOP', mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null },
  }
  const told = { person: lid, contactId: null, channel: 'whatsapp', source: 'keyword' } as const
  await store.optOuts.store(
    {
      ...place,
      ...{ id, conversationId: conversation.id, providerId: 'p1' as never, from: lid, to: us, content, event: null },
    },
    { type: 'contact.opted_out', data: told, id: mint() as EventId, correlationId: null },
  )
  expect((await store.optOuts.standing(place.customerId)).people).toEqual([phone])
})

test('what was read of a chat of two before their number came out is not kept after it', async () => {
  const asked = chatNamed(lid, lid)
  await store.conversations.ensure(asked)
  const gate = Promise.withResolvers<void>()
  const hasRead = Promise.withResolvers<void>()
  let isSlow = true
  const ensure: Store['conversations']['ensure'] = async (fresh) => {
    const read = await store.conversations.ensure(fresh)
    if (!isSlow) return read
    isSlow = false
    hasRead.resolve()
    await gate.promise
    return read
  }
  const { inbox: ledger } = createLedgers({ ...store, conversations: { ...store.conversations, ensure } }, systemClock)
  let rung = 0
  const inbox = createInbox({
    ledger,
    mint,
    receiveFile: () => Promise.reject(new Error('not used')),
    choicesCount: async () => false,
    replied: () => undefined,
    chosen: () => {
      rung += 1
    },
    told: () => undefined,
  })
  const early = ledger.ensureConversation(asked)
  await hasRead.promise
  await inbox.receive({ ...place, address: us }, { kind: 'handle', alias: lid, phone })
  gate.resolve()
  await early
  const rosterOf = async (chat: string) =>
    (await ledger.ensureConversation(chatNamed(chat, lid))).participants.map(({ handle }) => handle)
  expect(await rosterOf(lid)).toEqual([phone])
  // Other processes keep it, too.
  expect(rung).toBe(1)
  await inbox.receive({ ...place, address: us }, { kind: 'handle', alias: lid, phone })
  expect(rung).toBe(1)
})
