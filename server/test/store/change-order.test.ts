/** Events of one message stand in the log in the order they happened, whichever transaction began first. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import type { Cursor } from '../../src/model/event.ts'
import type { ConversationId, CustomerId, EventId, LineId, MessageId } from '../../src/model/ids.ts'
import { type ChangeRequest, createChangeStore } from '../../src/store/changes.ts'
import { createEventStore } from '../../src/store/events.ts'
import { createInboundStore } from '../../src/store/inbound.ts'
import { createTestDatabase } from '../support/database.ts'
import { until } from '../support/gateway.ts'

const mint = createMint(systemClock)
const customerId = mint() as CustomerId
const lineId = mint() as LineId

function about(id: MessageId, text: string) {
  const status = 'received' as const
  const who = { lineId, externalId: null, from: '+15550100101', to: null, channel: 'sms' as const }
  return { id, ...who, text, status, metadata: null, conversation: null, retryCount: 0 }
}

function inbound(id: MessageId) {
  const event = {
    id: mint() as EventId,
    type: 'message.inbound' as const,
    correlationId: null,
    data: { message: about(id, 'first'), replyTo: null, attachments: [] },
  }
  const content = {
    text: 'first',
    mediaUrls: [],
    attachments: [],
    replyTo: null,
    mentions: [],
    effect: null,
    location: null,
  }
  const key = { customerId, id, lineId, channel: 'sms' as const, conversationId: mint() as ConversationId }
  return { ...key, providerId: id as never, from: '+15550100101', to: null, content, event }
}

function edit(messageId: MessageId, text: string): ChangeRequest {
  return {
    customerId,
    messageId,
    named: null,
    decide: () => ({
      patch: {},
      entries: [],
      attempt: null,
      work: 'keep',
      events: [
        {
          id: mint() as EventId,
          type: 'message.edited',
          correlationId: null,
          data: { message: about(messageId, text) },
        },
      ],
    }),
  }
}

test('a transaction that waited for a message writes after the one it waited for', async () => {
  const { db, drop } = await createTestDatabase()
  const changes = createChangeStore(db)
  const [first, second, third] = [mint(), mint(), mint()] as [MessageId, MessageId, MessageId]
  await createInboundStore(db).store([first, second, third].map(inbound))
  const gate = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const blocker = db.transaction(async (tx) => {
    await tx.query({ name: '', text: 'select from messages where id = $1 for update' }, [second])
    locked.resolve()
    await gate.promise
  })
  await locked.promise
  // It holds the first and waits for the second; its number is older than that of the change which overtakes it.
  const slow = changes.change([edit(first, 'slow'), edit(second, 'slow'), edit(third, 'later')])
  await until(async () => {
    const waiting = await db.query({
      name: '',
      text: `select from pg_locks l join pg_stat_activity a on a.pid = l.pid where not l.granted and a.datname = current_database()`,
    })
    return waiting.length > 0
  }, 'the slow change to wait')
  await changes.change([edit(third, 'earlier')])
  gate.resolve()
  await blocker
  await slow
  const readLog = () => createEventStore(db).after(customerId, '0.0' as Cursor, 100)
  await until(async () => (await readLog()).length === 7, 'all events to be settled')
  const log = await readLog()
  const edits = log.flatMap((event) =>
    event.type === 'message.edited' && event.data.message.id === third ? [event.data.message.text] : [],
  )
  expect(edits).toEqual(['earlier', 'later'])
  await drop()
})
