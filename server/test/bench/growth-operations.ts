/** The operations whose cost must not grow, each as one call. */
import type { Mint } from '../../src/lib/mint.ts'
import { acceptedChange } from '../../src/messaging/settle.ts'
import type {
  ConversationId,
  CustomerId,
  LineId,
  MessageId,
  ProviderChatId,
  ProviderMessageId,
} from '../../src/model/ids.ts'
import type { MessageFilter } from '../../src/model/message.ts'
import type { Db } from '../../src/store/db.ts'
import type { ClaimedLane } from '../../src/store/outbox.ts'
import type { Store } from '../../src/store/store.ts'
import { newMessage } from './new-message.ts'
import { postOf, requestsOf, type Sender } from './traffic.ts'
import { askOnce, openWire, type Wire } from './wire.ts'

export interface Operation {
  name: string
  /** Not measured. */
  prepare?(): Promise<unknown>
  run(input: unknown): Promise<unknown>
}

export interface Subject {
  db: Db
  store: Store
  senders: readonly Sender[]
  port: number
  mint: Mint
}

const pageRows = 50
const node = 1

interface Known {
  customerId: CustomerId
  ids: readonly MessageId[]
  middle: MessageId
  end: MessageId
  people: readonly { handle: string; conversation_id: ConversationId }[]
}

export async function operationsOn(subject: Subject): Promise<{ operations: Operation[]; close(): void }> {
  const known = await look(subject)
  const sends = sendsOn(subject)
  return { operations: [...sends.operations, ...readsOn(subject, known), ...claimsOn(subject)], close: sends.close }
}

/** What there is to ask for, of the customer that has most. */
async function look({ db, senders }: Subject): Promise<Known> {
  const customerId = senders[0]?.customerId as CustomerId
  const ask = <Row>(text: string) => db.query<Row>({ name: '', text }, [customerId])
  const [count] = await ask<{ rows: number }>('select count(*) as rows from messages where customer_id = $1')
  const rows = count?.rows ?? 0
  const at = async (offset: number) => {
    const [row] = await ask<{ id: MessageId }>(
      `select id from messages where customer_id = $1 order by id desc offset ${Math.floor(offset)} limit 1`,
    )
    if (row === undefined) throw new Error('The database is empty.')
    return row.id
  }
  const [middle, end] = [await at(rows / 2), await at(rows - 2 * pageRows)]
  // Whole pages are drawn, so that this does not read the table.
  const percent = Math.min(100, (100 * 10_000) / rows)
  const ids = await ask<{ id: MessageId }>(
    `select id from messages tablesample system (${percent}) where customer_id = $1 order by md5(id::text) limit 500`,
  )
  const people = await ask<{ handle: string; conversation_id: ConversationId }>(
    `select handle, id as conversation_id from conversations where customer_id = $1 order by md5(id::text) limit 500`,
  )
  return { customerId, ids: ids.map(({ id }) => id), middle, end, people }
}

function anyOf<Value>(values: readonly Value[]): Value {
  const value = values[Math.floor(Math.random() * values.length)]
  if (value === undefined) throw new Error('There is nothing to choose from.')
  return value
}

function readsOn({ store, senders }: Subject, known: Known): Operation[] {
  const { customerId } = known
  const list = (name: string, filter: () => Partial<MessageFilter>): Operation => ({
    name: `list, ${name}`,
    run: () => store.messages.list(customerId, { limit: pageRows, after: null, ...filter() }),
  })
  const line = () => anyOf(senders[0]?.lines ?? [])
  return [
    { name: 'get', run: () => store.messages.get(customerId, anyOf(known.ids)) },
    list('first page', () => ({})),
    list('page in the middle', () => ({ after: known.middle })),
    list('page near the end', () => ({ after: known.end })),
    list('status delivered', () => ({ status: 'delivered' })),
    list('status failed, which is rare', () => ({ status: 'failed' })),
    list('status failed, page in the middle', () => ({ status: 'failed', after: known.middle })),
    list('status queued', () => ({ status: 'queued' })),
    list('to', () => ({ to: anyOf(known.people).handle })),
    list('from', () => ({ from: line().address })),
    list('channel', () => ({ channel: anyOf(['imessage', 'sms', 'whatsapp'] as const) })),
    list('direction in', () => ({ direction: 'inbound' })),
    list('chatId', () => ({ conversationId: anyOf(known.people).conversation_id })),
  ]
}

function sendsOn({ store, senders, port, mint }: Subject): { operations: Operation[]; close(): void } {
  const run = mint()
  const request = requestsOf(senders, `${run}-http`)
  let wire: Wire | null = null
  let number = 0
  const operations: Operation[] = [
    {
      name: 'send, through the store',
      run: () => store.messages.accept([newMessage(postOf(senders, run, number++), mint)]),
    },
    {
      name: 'send, over HTTP',
      async prepare() {
        // A connection that was idle while other operations had their turn may be closed by now.
        wire ??= await openWire(port, () => {
          wire = null
        })
        return wire
      },
      async run(open) {
        const { status, body } = await askOnce(open as Wire, request(number++))
        if (status !== 202) throw new Error(`answered ${status}: ${body}`)
      },
    },
  ]
  return { operations, close: () => wire?.close() }
}

/** What has been sent so far is waiting; each call takes one lane of it one step further. */
function claimsOn({ store, senders, mint }: Subject): Operation[] {
  const lines = senders.flatMap((sender) =>
    sender.lines.map((line) => ({ customerId: sender.customerId as CustomerId, lineId: line.id as LineId })),
  )
  const claim = () => store.outbox.claim({ lines, node, lanesMax: 1, headsMax: 1, leaseMs: 600_000 })
  const send = async () => {
    const post = postOf(senders, mint(), Math.floor(Math.random() * 1e6))
    await store.messages.accept([newMessage(post, mint)])
  }
  const claimed = async () => {
    await send()
    const [lane] = await claim()
    if (lane === undefined) throw new Error('Nothing was due.')
    return lane
  }
  const begin = (lane: ClaimedLane) =>
    store.outbox.begin(
      lane.heads.map(({ work }) => ({ key: lane, fence: lane.fence, seq: work.seq, tries: work.tries })),
    )
  const settle = (lane: ClaimedLane) => store.changes.change(lane.heads.map((head) => settlement(lane, head, mint)))
  const finish = (lane: ClaimedLane) => store.outbox.finish([{ key: lane, fence: lane.fence, holdMs: null }])
  const whole = async (lane: ClaimedLane) => {
    await begin(lane)
    await settle(lane)
    await finish(lane)
  }
  return [
    { name: 'claim a due lane', prepare: send, run: claim },
    { name: 'begin, settle and finish it', prepare: claimed, run: (lane) => whole(lane as ClaimedLane) },
  ]
}

function settlement(lane: ClaimedLane, { message }: ClaimedLane['heads'][number], mint: Mint) {
  const providerId = `bench-${message.id}` as ProviderMessageId
  const conversation = {
    id: mint() as ConversationId,
    customerId: message.customerId,
    lineId: message.lineId,
    channel: 'imessage' as const,
    providerChatId: 'chat' as ProviderChatId,
    isGroup: false,
    name: null,
    participants: [],
  }
  return {
    customerId: message.customerId,
    messageId: message.id,
    named: { lineId: message.lineId, channel: 'imessage' as const, providerId },
    decide: (state: Parameters<typeof acceptedChange>[0]) =>
      acceptedChange(state, { channel: 'imessage', providerId, conversation, run: lane.fence }, mint),
  }
}
