/** Groups of a thousand, and a chat with a million messages: what each operation takes, in process and with a durable database. */
import { join } from 'node:path'
import type { Incoming } from '../../src/channels/connector.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { createInbox } from '../../src/messaging/inbox.ts'
import { createLedgers } from '../../src/messaging/ledgers.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { ConversationId, Handle, MessageId, ProviderMessageId } from '../../src/model/ids.ts'
import { createStore } from '../../src/store/store.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'
import { assertSafe } from './database.ts'
import { ms, spreadOf } from './figures.ts'
import type { Table } from './report.ts'
import { openFolder, type Settings } from './stand.ts'

const members = 1_000
const samples = 200
const warm = 20
const messages = 1_000_000
const batch = 50_000

interface Operation {
  name: string
  run(nth: number): Promise<unknown>
}

export async function benchChats(settings: Settings): Promise<Table[]> {
  const folder = openFolder()
  const server = await startServer(join(folder.path, 'data', 'postgres'))
  const gateway = await startTestGateway({ server: server.address })
  try {
    await assertSafe(gateway.database.db)
    const groups = await groupOperations(gateway)
    const first = await measured(settings, groups)
    const chat = await fill(gateway, settings)
    const second = await measured(settings, await pageOperations(gateway, chat))
    return [
      tableOf(`A group of ${members}`, first, [`In process; ${samples} calls each, one after the other.`]),
      tableOf(`A chat of ${messages} messages`, second, ['Pages of 50, from the newest on.']),
    ]
  } finally {
    await gateway.stop()
    await server.stop()
    folder.remove()
  }
}

function tableOf(title: string, rows: readonly string[][], notes: readonly string[]): Table {
  return { title, columns: ['operation', 'p50', 'p99', 'max'], rows, notes }
}

async function measured(settings: Settings, operations: readonly Operation[]): Promise<string[][]> {
  const rows: string[][] = []
  for (const { name, run } of operations) {
    const taken: number[] = []
    for (let nth = 0; nth < warm + samples; nth++) {
      const from = performance.now()
      await run(nth)
      if (nth >= warm) taken.push(performance.now() - from)
    }
    const { p50, p99, max } = spreadOf(taken)
    settings.say(`chats: ${name}: p99 ${ms(p99)}`)
    rows.push([name, ms(p50), ms(p99), ms(max)])
  }
  return rows
}

const person = (nth: number) => `+1415${String(nth).padStart(7, '0')}` as Handle
const thousand = Array.from({ length: members }, (_, nth) => person(nth))

async function groupOperations(test: TestGateway): Promise<Operation[]> {
  const { gateway, database, customer } = test
  const by = await gateway.callers.authenticate(customer.apiKey)
  const make = async () => {
    const asked = { channel: 'whatsapp', from: null, name: 'Everybody', participants: thousand } as const
    return (await gateway.chats.createGroup(by, asked)).conversation
  }
  const [group, shrinking] = [await make(), await make()]
  const at = { name: { id: group.id }, from: null }
  const inbox = createInbox({
    ledger: createLedgers(createStore(database.db, createSealedBox(Buffer.alloc(32, 7))), systemClock).inbox,
    mint: createMint(systemClock),
    receiveFile: () => Promise.reject(new Error('not used')),
    choicesCount: async () => false,
    replied: () => undefined,
    chosen: () => undefined,
    told: () => undefined,
  })
  const source = {
    customerId: customer.id,
    lineId: customer.line.id,
    address: customer.line.address,
    channel: 'whatsapp',
  } as const
  return [
    { name: 'create', run: make },
    { name: 'read', run: () => gateway.chats.get(by, at) },
    { name: 'list 20 of them', run: () => gateway.chats.list(by, { limit: 20, after: null }) },
    { name: 'accept a message into it', run: (nth) => gateway.messages.submit(by, draftFor(group.id, nth)) },
    { name: 'receive a message from it', run: (nth) => inbox.receive(source, heard(group, `same-${nth}`, thousand)) },
    {
      // Somebody else each time: what changed within the last minute, a message does not change back.
      name: 'receive a message that tells of one less',
      run: (nth) => inbox.receive(source, heard(shrinking, `diff-${nth}`, thousand.slice(0, -1 - nth))),
    },
    {
      name: 'add or remove somebody',
      run: (nth) =>
        nth % 2 === 0
          ? gateway.chats.removeParticipant(by, at, person(7))
          : gateway.chats.addParticipant(by, at, person(7)),
    },
    { name: 'rename', run: (nth) => gateway.chats.rename(by, at, `Name ${nth}`) },
  ]
}

function draftFor(id: ConversationId, nth: number) {
  const about = { to: null, conversationId: id, from: null, attachments: [], replyTo: null, mentions: [] }
  const content = { text: `Message ${nth}`, mediaUrls: [], effect: null, location: null }
  const rest = { idempotencyKey: null, callbackUrl: null, metadata: null, correlationId: 'cor_0' }
  return { ...about, content, preference: null, fallback: true, scheduledAt: null, ...rest }
}

function heard({ providerChatId, name }: Conversation, id: string, handles: readonly Handle[]): Incoming {
  if (providerChatId === null) throw new Error('The group has no name on its network.')
  return {
    kind: 'message',
    providerId: id as ProviderMessageId,
    chat: providerChatId,
    from: person(5),
    at: new Date(),
    echoOf: null,
    text: 'Hello',
    attachments: [],
    replyTo: null,
    group: {
      chat: providerChatId,
      name,
      members: handles.map((handle) => ({ handle, phoneKnown: true, admin: null })),
    },
  }
}

/** By the database itself, with ids that sort by time. */
async function fill({ gateway, customer, database }: TestGateway, settings: Settings): Promise<ConversationId> {
  const by = await gateway.callers.authenticate(customer.apiKey)
  const asked = { channel: 'whatsapp', from: null, name: 'History', participants: [person(1)] } as const
  const { conversation } = await gateway.chats.createGroup(by, asked)
  const text = `insert into messages (customer_id, id, direction, status, line_id, conversation_id, channel, from_address,
      content, route, timeline)
    select $1::uuid, (lpad(to_hex($4::bigint + n), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
      'inbound', 'received', $2::uuid, $3::uuid, 'whatsapp', '+14150000001',
      jsonb_build_object('text', 'Message ' || n, 'mediaUrls', '[]'::jsonb, 'attachments', '[]'::jsonb, 'replyTo', null,
        'mentions', '[]'::jsonb, 'effect', null, 'location', null),
      array['whatsapp'], '[]'::jsonb
    from generate_series($5::bigint, $6::bigint) n`
  const firstAt = Date.now() - messages
  for (let from = 0; from < messages; from += batch) {
    const values = [customer.id, customer.line.id, conversation.id, firstAt, from, from + batch - 1]
    await database.db.query({ name: 'bench-fill', text }, values)
  }
  await database.db.query({ name: '', text: 'vacuum analyze messages' })
  settings.say(`chats: ${messages} messages filled`)
  return conversation.id
}

async function pageOperations(
  { gateway, customer, database }: TestGateway,
  conversationId: ConversationId,
): Promise<Operation[]> {
  const by = await gateway.callers.authenticate(customer.apiKey)
  const idAt = async (nth: number): Promise<MessageId | null> => {
    const text =
      'select id from messages where customer_id = $1 and conversation_id = $2 order by id desc offset $3 limit 1'
    const [row] = await database.db.query<{ id: MessageId }>({ name: '', text }, [customer.id, conversationId, nth])
    return row?.id ?? null
  }
  const page = (after: MessageId | null) => () => gateway.messages.list(by, { limit: 50, after, conversationId })
  return [
    { name: 'the first page', run: page(null) },
    { name: 'a page in the middle', run: page(await idAt(messages / 2)) },
    { name: 'the last page', run: page(await idAt(messages - 51)) },
  ]
}
