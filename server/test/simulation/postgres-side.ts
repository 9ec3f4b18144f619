/** The real store as a ledger whose clock stands still until it is moved. */
import { channels } from '../../src/model/channel.ts'
import { createChangeStore } from '../../src/store/changes.ts'
import { createConversationStore } from '../../src/store/conversations.ts'
import type { Db, Session } from '../../src/store/db.ts'
import { createInboundStore } from '../../src/store/inbound.ts'
import { createMessageStore } from '../../src/store/messages.ts'
import { createNodeStore } from '../../src/store/nodes.ts'
import { createOutboxStore } from '../../src/store/outbox.ts'
import { createOptOutStore } from '../../src/store/people/opt-outs.ts'
import { fromRow, type MessageRow } from '../../src/store/sql/message-row.ts'
import { messageColumns } from '../../src/store/sql/message-sql.ts'
import { dateOf } from './ledger-rows.ts'
import type { KnownLine } from './model-side.ts'
import type { Ledger } from './sides.ts'

const plain = <Row>(db: Db, text: string, values: readonly unknown[] = []) => db.query<Row>({ name: '', text }, values)

const livingLock = `select from pg_locks where locktype = 'advisory' and objid = $1::bigint::oid
  and database = (select oid from pg_database where datname = current_database())`

export async function createPostgresLedger(db: Db, lines: readonly KnownLine[]): Promise<Ledger> {
  const messages = createMessageStore(db)
  const outbox = createOutboxStore(db)
  const changes = createChangeStore(db)
  const inbound = createInboundStore(db)
  const conversations = createConversationStore(db)
  const nodes = createNodeStore(db)
  const optOuts = createOptOutStore(db)
  const sessions = new Map<number, Session>()
  let nowMs = 0
  const die = async (node: number) => {
    await sessions.get(node)?.close()
    sessions.delete(node)
    // The server frees the lock when it notices, which is soon.
    for (let held = 1; held > 0; ) held = (await plain(db, livingLock, [node])).length
  }
  const setTime = () =>
    plain(
      db,
      `create or replace function gateway_now() returns timestamptz language sql stable parallel safe
      as 'select timestamptz ''${dateOf(nowMs).toISOString()}'''`,
    )
  await setTime()
  await clear(db, lines)
  return {
    accept: messages.accept,
    claim: outbox.claim,
    begin: outbox.begin,
    finish: outbox.finish,
    change: async (request) => (await changes.change([request]))[0] ?? null,
    message: messages.get,
    storeInbound: inbound.store,
    storeChoice: optOuts.store,
    choose: optOuts.choose,
    optedOut: async (customerId) => (await optOuts.standing(customerId)).people ?? [],
    noteReceipt: (key, receipt) => inbound.noteReceipt(key, receipt, null),
    find: inbound.findMessage,
    ensureConversation: conversations.ensure,
    changeConversation: conversations.change,
    tellOnce: inbound.tellOnce,
    forgetTold: conversations.forgetTold,
    async register() {
      const session = await db.session(() => undefined)
      const number = await nodes.register(session)
      sessions.set(number, session)
      return number
    },
    die,
    beat: nodes.beat,
    bury: nodes.bury,
    renewLanes: nodes.renewLanes,
    renewLines: nodes.renewLines,
    takeLines: nodes.takeLines,
    releaseLine: nodes.releaseLine,
    leave: nodes.leave,
    async advance(ms) {
      nowMs += ms
      await setTime()
    },
    async end() {
      for (const node of [...sessions.keys()]) await die(node)
    },
    dump: (fence) => dumpOf(db, fence),
  }
}

async function clear(db: Db, lines: readonly KnownLine[]): Promise<void> {
  await plain(
    db,
    `truncate customers, lines, links, nodes, messages, outbox, lanes, attempts, events, provider_ids, conversations,
      recent_events, opt_outs
    restart identity cascade`,
  )
  await plain(db, `select setval('fences', 1, false), setval('node_numbers', 1, false)`)
  const customers = new Set(lines.map((line) => line.customerId))
  for (const id of customers)
    await plain(db, `insert into customers (id, email, name) values ($1, $2, 'test')`, [id, `${id}@example.com`])
  for (const line of lines) {
    await plain(
      db,
      `insert into lines (id, customer_id, name, address, provider, channels) values ($1, $2, 'line', $3, 'sandbox', $4)`,
      [line.id, line.customerId, line.address, channels],
    )
  }
}

interface Instants {
  [name: string]: unknown
}

/** Never is written as null. */
const iso = (column: string) =>
  `case when ${column} = '-infinity' then null else to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end`

async function dumpOf(db: Db, fence: (number: number | null) => string | null): Promise<object> {
  const messages = await plain<MessageRow>(
    db,
    `select ${messageColumns} from messages m
    left join outbox o on o.customer_id = m.customer_id and o.message_id = m.id order by m.id`,
  )
  const outbox = await plain<Instants & { run: number | null }>(
    db,
    `select lane, message_id as message, ${iso('due_at')} as due, channel, rest, tries,
    confirming, holds, doubtful, waits, run, ${iso('run_started_at')} as started,
    ${iso('asked_since')} as asked from outbox order by seq`,
  )
  const lanes = await plain<Instants & { fence: number }>(
    db,
    `select lane, ${iso('next_at')} as next, ${iso('hold_until')} as hold,
    ${iso('lease_until')} as lease, fence, holder from lanes order by lane collate "C"`,
  )
  const attempts = await plain<{ line: string }>(
    db,
    `select concat_ws(' ', message_id, number, channel, ref, outcome, coalesce(code, 'null'),
    coalesce(${iso('started_at')}, 'null')) as line from attempts`,
  )
  const names = await plain<{ line: string }>(
    db,
    `select concat_ws(' ', customer_id, line_id, channel, direction, provider_id, coalesce(message_id::text, 'null'),
    (select coalesce(json_agg(e ->> 'status')::text, '[]') from jsonb_array_elements(early) e)) as line from provider_ids`,
  )
  const recent = await plain<{ line: string }>(
    db,
    `select concat_ws(' ', customer_id, encode(key, 'hex'), ${iso('expires_at')}) as line from recent_events`,
  )
  return {
    messages: messages.map(fromRow),
    outbox: outbox.map((row) => ({ ...row, run: fence(row.run) })),
    lanes: lanes.map((row) => ({ ...row, fence: fence(row.fence) })),
    events: await plain(db, `select ${iso('at')} as at, id, type, data from events order by xid, seq`),
    conversations: await plain(
      db,
      'select id, name, participants, unheard, absent, photo, recent from conversations order by created_at, id',
    ),
    recent: recent.map((row) => row.line).sort(),
    attempts: attempts.map((row) => row.line).sort(),
    names: names.map((row) => row.line.replaceAll('", "', '","')).sort(),
    nodes: await plain(db, `select number, ${iso('seen_at')} as seen from nodes order by number`),
    lines: await plain(db, `select id, holder, epoch, ${iso('lease_until')} as lease from lines order by id`),
  }
}
