/** Reading the log: by cursor, for one customer or for a background reader of all. */
import type { Cursor, EventType, GatewayEvent } from '../model/event.ts'
import type { CustomerId, EventId } from '../model/ids.ts'
import type { Db, Statement } from './db.ts'

interface EventRow {
  customer_id: CustomerId
  xid: string
  seq: number
  id: EventId
  type: EventType
  at: Date
  correlation_id: string | null
  data: unknown
}

/** Only what is settled: every transaction older than these rows has ended, so none can appear before them later. */
const settled = 'e.xid < pg_snapshot_xmin(pg_current_snapshot())'

const after: Statement = {
  name: 'events-after',
  text: `select e.customer_id, e.xid::text as xid, e.seq, e.id, e.type, e.at, e.correlation_id, e.data from events e
    where e.customer_id = $1 and (e.xid, e.seq) > ($2::xid8, $3::bigint) and ${settled}
    order by e.xid, e.seq limit $4`,
}

const cursorOf: Statement = {
  name: 'events-cursor',
  text: `select e.xid::text as xid, e.seq from events e where e.customer_id = $1 and e.id = $2 limit 1`,
}

const end: Statement = { name: 'events-end', text: 'select pg_snapshot_xmin(pg_current_snapshot())::text as xid' }

export function createEventStore(db: Db) {
  return {
    async after(customerId: CustomerId, cursor: Cursor, limit: number): Promise<GatewayEvent[]> {
      const [xid, seq] = partsOf(cursor)
      const rows = await db.query<EventRow>(after, [customerId, xid, seq, limit])
      return rows.map(fromRow)
    },

    async cursorOf(customerId: CustomerId, id: EventId): Promise<Cursor | null> {
      const [row] = await db.query<{ xid: string; seq: number }>(cursorOf, [customerId, id])
      return row === undefined ? null : `${row.xid}.${row.seq}`
    },

    /** Nothing settled lies behind it; whatever is still being written comes after it. */
    async end(): Promise<Cursor> {
      const [row] = await db.query<{ xid: string }>(end)
      return `${row?.xid ?? '0'}.0`
    },
  }
}

function partsOf(cursor: Cursor): [xid: string, seq: string] {
  const [xid = '0', seq = '0'] = cursor.split('.')
  return [xid, seq]
}

function fromRow(row: EventRow): GatewayEvent {
  const { id, type, data } = row
  const event = {
    id,
    type,
    data,
    correlationId: row.correlation_id,
    cursor: `${row.xid}.${row.seq}`,
    customerId: row.customer_id,
    at: row.at,
  }
  // The row was written from a GatewayEvent of this very type.
  return event as GatewayEvent
}
