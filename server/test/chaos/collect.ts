/** What the database holds at the end of a run: the log as webhooks are told it, and every delivery. */
import type { Db } from '../../src/store/db.ts'
import type { Hook, LoggedEvent, Settled } from './evidence.ts'

/** How a line is linked is no webhook's business. */
const told = `type <> 'line.status'`

export async function logIn(db: Db): Promise<LoggedEvent[]> {
  const text = `select 'evt_' || id as id, type, 'msg_' || (data #>> '{message,id}') as message,
      (data #>> '{message,lineId}') || ' ' || case when type = 'message.inbound' then data #>> '{message,from}'
        else data #>> '{message,to}' end as thread
    from events where ${told} order by xid, seq`
  return db.query<LoggedEvent>({ name: '', text })
}

export async function deliveriesIn(db: Db, hooks: readonly Hook[]): Promise<Settled[]> {
  const text = `select webhook_id as hook, 'evt_' || event_id as event, status, attempts from webhook_log
    union all select webhook_id, 'evt_' || event_id, 'pending', attempts from webhook_queue`
  const nameOf = new Map(hooks.map(({ id, name }) => [id, name]))
  const rows = await db.query<Settled>({ name: '', text })
  return rows.map((row) => ({ ...row, hook: nameOf.get(row.hook) ?? row.hook }))
}

export async function eventCount(db: Db): Promise<number> {
  const text = `select count(*)::int as number from events where ${told}`
  const [row] = await db.query<{ number: number }>({ name: '', text })
  return row?.number ?? 0
}

/** Deliveries to anybody but those webhooks, and whether there are messages to work on now or soon. */
export async function restOf(db: Db, hopeless: readonly string[]): Promise<{ deliveries: number; busy: boolean }> {
  const text = `select (select count(*) from webhook_queue where webhook_id <> all ($1::uuid[]))::int as deliveries,
    exists (select from lanes where lease_until > gateway_now() or next_at <= gateway_now() + interval '2 s') as busy`
  const [row] = await db.query<{ deliveries: number; busy: boolean }>({ name: '', text }, [hopeless])
  return row ?? { deliveries: 0, busy: true }
}
