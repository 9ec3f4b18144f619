/** Telling again on a large scale: a job goes through the log or the failed deliveries page by page, each in one transaction. */
import { type EventType, type NewEvent, subjectOf } from '../../model/event.ts'
import type { CustomerId, EventId, WebhookId, WebhookJobId } from '../../model/ids.ts'
import type { WebhookJob, WebhookJobKind } from '../../model/webhook.ts'
import type { Db, Queryable, Statement } from '../db.ts'
import { takeUp } from './log.ts'

const pageRows = 500
/** So much may wait for one webhook before a job waits as well. */
const waitingMax = 5_000
const jobsShown = 100
const jobsRunningMax = 5

const columns = `j.id, j.customer_id, j.webhook_id, j.kind, j.since, j.until, j.events, j.status, j.reached_at,
  j.scanned, j.queued, j.created_at, j.ended_at`

const insert: Statement = {
  name: 'webhook-jobs-insert',
  text: `insert into webhook_jobs as j (customer_id, id, webhook_id, kind, since, until, events, reached_at)
    select $1, $2, w.id, $4, $5, least($6, gateway_now()), $7, $5 from webhooks w
    where w.customer_id = $1 and w.id = $3 and w.active and w.removed_at is null
      and (select count(*) from webhook_jobs r where r.webhook_id = $3 and r.status = 'running') < ${jobsRunningMax}
    returning ${columns}`,
}

const list: Statement = {
  name: 'webhook-jobs-list',
  text: `select ${columns} from webhook_jobs j where j.customer_id = $1 and j.webhook_id = $2 order by j.id desc
    limit ${jobsShown}`,
}

const one: Statement = {
  name: 'webhook-jobs-one',
  text: `select ${columns} from webhook_jobs j where j.customer_id = $1 and j.webhook_id = $2 and j.id = $3`,
}

/** One that another process works on, or whose webhook has enough to do, is passed by. */
const take: Statement = {
  name: 'webhook-jobs-take',
  text: `select ${columns}, j.reached_xid::text as reached_xid, j.reached_seq, j.reached_id,
      w.active and w.removed_at is null as active, w.events as subscribed, w.ordered
    from webhook_jobs j join webhooks w on w.customer_id = j.customer_id and w.id = j.webhook_id
    where j.status = 'running' and j.id <> all ($1::uuid[]) and (select count(*) from (
      select from webhook_queue q where q.webhook_id = j.webhook_id limit ${waitingMax}) p) < ${waitingMax}
    order by j.id limit 1 for update of j skip locked`,
}

const pass: Statement = {
  name: 'webhook-jobs-pass',
  text: `update webhook_jobs set status = $2, reached_at = $3, reached_xid = $4, reached_seq = $5, reached_id = $6,
      scanned = scanned + $7, queued = queued + $8, ended_at = case when $2 <> 'running' then gateway_now() end
    where id = $1`,
}

/** From the start of the day: an event's partition is chosen by its time, its place in the log by its transaction. */
const events: Statement = {
  name: 'webhook-jobs-events',
  text: `select e.id, e.type, e.at, e.at::text as exact_at, e.data, e.xid::text as xid, e.seq from events e
    where e.customer_id = $1 and (e.xid, e.seq) > ($2::xid8, $3::bigint) and e.at >= $4 and e.at <= $5
      and e.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by e.xid, e.seq limit ${pageRows}`,
}

/** An older transaction that is open, of anybody on the database server, hides what was committed after it began. */
const hidden: Statement = {
  name: 'webhook-jobs-hidden',
  text: `select from events e where e.customer_id = $1 and (e.xid, e.seq) > ($2::xid8, $3::bigint) and e.at >= $4 and e.at <= $5
    and e.xid >= pg_snapshot_xmin(pg_current_snapshot()) limit 1`,
}

const queue: Statement = {
  name: 'webhook-jobs-queue',
  text: `insert into webhook_queue (customer_id, webhook_id, event_id, event_type, event_at, lane, holds_until, due_at)
    select $1, $2, i.event_id, i.event_type, i.event_at, 'again:' || i.lane,
      case when $3::boolean then 'infinity' else gateway_now() + interval '1 hour' end, gateway_now()
    from json_to_recordset($4::json) as i(ord int, event_id uuid, event_type text, event_at timestamptz, lane text)
    order by i.ord on conflict (webhook_id, event_id) do nothing returning id`,
}

const failedOnes = (status: string) => `(select l.webhook_id, l.status, l.id, l.event_at from webhook_log l
  where l.webhook_id = $1 and l.status = '${status}' and ($2::uuid is null or l.id > $2)
  order by l.id limit ${pageRows})`

const failed: Statement = {
  name: 'webhook-jobs-failed',
  text: `select id, event_at from (${failedOnes('failed')} union all ${failedOnes('cancelled')}) l
    order by id limit ${pageRows}`,
}

const recover: Statement = {
  name: 'webhook-jobs-recover',
  text: takeUp(`select l.webhook_id, l.status, l.id from unnest($2::uuid[]) n(id) join webhook_log l
    on l.webhook_id = $1 and l.id = n.id and l.status in ('failed', 'cancelled')`),
}

interface JobRow {
  id: WebhookJobId
  customer_id: CustomerId
  webhook_id: WebhookId
  kind: WebhookJobKind
  since: Date
  until: Date
  events: string[] | null
  status: WebhookJob['status']
  reached_at: Date
  scanned: number
  queued: number
  created_at: Date
  ended_at: Date | null
}

type TakenRow = JobRow & {
  reached_xid: string
  reached_seq: number
  reached_id: string | null
  active: boolean
  subscribed: string[]
  ordered: boolean
}

export interface JobStep {
  jobId: WebhookJobId
  customerId: CustomerId
  queued: number
  /** There is more, but it cannot be read yet. */
  waits: boolean
}

interface Page {
  waits?: boolean
  status: WebhookJob['status']
  reachedAt: Date
  xid: string
  seq: number
  id: string | null
  scanned: number
  queued: number
}

export interface NewWebhookJob {
  id: WebhookJobId
  customerId: CustomerId
  webhookId: WebhookId
  kind: WebhookJobKind
  since: Date
  /** Null: now. */
  until: Date | null
  events: readonly string[] | null
}

export function createWebhookJobStore(db: Db) {
  return {
    /** Null: the webhook is not active, or has as many jobs as it may. */
    async add(job: NewWebhookJob): Promise<WebhookJob | null> {
      const { customerId, id, webhookId, kind, since, until } = job
      const values = [customerId, id, webhookId, kind, since, until ?? 'infinity', job.events]
      const [row] = await db.query<JobRow>(insert, values)
      return row === undefined ? null : jobFrom(row)
    },

    async list(customerId: CustomerId, webhookId: WebhookId): Promise<WebhookJob[]> {
      return (await db.query<JobRow>(list, [customerId, webhookId])).map(jobFrom)
    },

    async get(customerId: CustomerId, webhookId: WebhookId, id: WebhookJobId): Promise<WebhookJob | null> {
      const [row] = await db.query<JobRow>(one, [customerId, webhookId, id])
      return row === undefined ? null : jobFrom(row)
    },

    /** The next page of one job other than these. Null: there is nothing to do. */
    async step(butNot: readonly WebhookJobId[]): Promise<JobStep | null> {
      return db.transaction(async (tx) => {
        const [job] = await tx.query<TakenRow>(take, [butNot])
        if (job === undefined) return null
        const { status, reachedAt, xid, seq, id, scanned, queued, waits = false } = await pageOf(tx, job)
        await tx.query(pass, [job.id, status, reachedAt, xid, seq, id, scanned, queued])
        return { jobId: job.id, customerId: job.customer_id, queued, waits }
      })
    },
  }
}

export type WebhookJobStore = ReturnType<typeof createWebhookJobStore>

function pageOf(tx: Queryable, job: TakenRow): Promise<Page> | Page {
  const { reached_xid: xid, reached_seq: seq, reached_id: id, reached_at: reachedAt } = job
  if (!job.active) return { status: 'cancelled', reachedAt, xid, seq, id, scanned: 0, queued: 0 }
  return job.kind === 'replay' ? replayPage(tx, job) : recoverPage(tx, job)
}

interface LogRow {
  id: EventId
  type: EventType
  at: Date
  /** A Date would lose the microseconds by which the event is found again. */
  exact_at: string
  data: unknown
  xid: string
  seq: number
}

async function replayPage(tx: Queryable, job: TakenRow): Promise<Page> {
  const range = [job.customer_id, job.reached_xid, job.reached_seq, job.since, job.until]
  // Asked first: what comes into view between the two questions is then found by the second.
  const hides = (await tx.query(hidden, range)).length > 0
  const rows = await tx.query<LogRow>(events, range)
  const wanted = new Set(job.events ?? job.subscribed)
  const heard = rows.flatMap((row, ord) => {
    // The row was written from a NewEvent of this very type.
    const subject = subjectOf({ type: row.type, data: row.data } as NewEvent)
    const lane = (job.ordered ? subject.thread : null) ?? subject.message
    const told = { ord, event_id: row.id, event_type: row.type, event_at: row.exact_at, lane }
    return subject.topics.some((topic) => wanted.has(topic)) ? [told] : []
  })
  const queued = await tx.query(queue, [job.customer_id, job.webhook_id, job.ordered, JSON.stringify(heard)])
  const last = rows.at(-1)
  const isLast = rows.length < pageRows
  const isDone = isLast && !hides
  return {
    waits: isLast && hides,
    status: isDone ? 'done' : 'running',
    reachedAt: isDone ? job.until : (last?.at ?? job.reached_at),
    xid: last?.xid ?? job.reached_xid,
    seq: last?.seq ?? job.reached_seq,
    id: null,
    scanned: rows.length,
    queued: queued.length,
  }
}

async function recoverPage(tx: Queryable, job: TakenRow): Promise<Page> {
  const rows = await tx.query<{ id: string; event_at: Date }>(failed, [job.webhook_id, job.reached_id])
  const due = rows.filter(({ event_at: at }) => at >= job.since && at <= job.until)
  const queued = await tx.query(recover, [job.webhook_id, due.map(({ id }) => id)])
  const last = rows.at(-1)
  return {
    status: rows.length < pageRows ? 'done' : 'running',
    reachedAt: rows.length < pageRows ? job.until : (last?.event_at ?? job.reached_at),
    xid: '0',
    seq: 0,
    id: last?.id ?? job.reached_id,
    scanned: rows.length,
    queued: queued.length,
  }
}

function jobFrom(row: JobRow): WebhookJob {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    kind: row.kind,
    since: row.since,
    until: row.until,
    events: row.events,
    status: row.status,
    reachedAt: row.reached_at,
    scanned: row.scanned,
    queued: row.queued,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}
