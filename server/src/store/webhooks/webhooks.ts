/** Webhooks as their owners see and change them, and the secrets that sign for them: sealed, all generations in one value. */
import type { SealedBox } from '../../lib/sealed-box.ts'
import type { CustomerId, WebhookId } from '../../model/ids.ts'
import type { DeactivationReason, SecretGeneration, Webhook, WebhookDialect } from '../../model/webhook.ts'
import type { Db, Queryable, Statement } from '../db.ts'

export interface WebhookRow {
  customer_id: CustomerId
  id: WebhookId
  name: string | null
  url: string
  events: string[]
  dialect: WebhookDialect
  ordered: boolean
  secrets: Buffer
  public_key: string | null
  active: boolean
  deactivated: DeactivationReason | null
  created_at: Date
  updated_at: Date
  exhausted: number
  open: boolean
  pending: number
}

/** All that a change may touch; what it does not name stays. */
export interface WebhookFields {
  name: string | null
  url: string
  events: readonly string[]
  dialect: WebhookDialect
  ordered: boolean
  secrets: readonly SecretGeneration[]
  publicKey: string | null
  active: boolean
}

/** A new webhook, and what becomes of those there are. */
export interface Addition {
  fields: Omit<WebhookFields, 'active'>
  pause: readonly WebhookRow[]
  drop: readonly WebhookRow[]
}

const pendingShown = 10_000
const columns = `w.customer_id, w.id, w.name, w.url, w.events, w.dialect, w.ordered, w.secrets, w.public_key, w.active,
  w.deactivated, w.created_at, w.updated_at, w.exhausted, w.open_until > gateway_now() as open,
  (select count(*)::int from (select from webhook_queue q where q.webhook_id = w.id limit ${pendingShown}) p) as pending`
const ofCustomer = `w.customer_id = $1 and w.kind = 'webhook' and w.removed_at is null`

const list: Statement = {
  name: 'webhooks-list',
  text: `select ${columns} from webhooks w where ${ofCustomer} order by w.created_at, w.id`,
}
const one: Statement = {
  name: 'webhooks-one',
  text: `select ${columns} from webhooks w where ${ofCustomer} and w.id = $2`,
}
/** Two that make or change webhooks of one customer at once see each other's. */
const lockCustomer: Statement = { name: 'webhooks-lock', text: 'select from customers where id = $1 for no key update' }
const insert: Statement = {
  name: 'webhooks-insert',
  text: `insert into webhooks as w (customer_id, id, name, url, events, dialect, ordered, secrets, public_key)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${columns}`,
}
/** Switched on again, or leading elsewhere: how it fared before says nothing about it. */
const isFresh = '($10 and not w.active or w.url <> $4)'
const update: Statement = {
  name: 'webhooks-update',
  text: `update webhooks w set name = $3, url = $4, events = $5, dialect = $6, ordered = $7, secrets = $8,
      public_key = $9, active = $10, deactivated = case when $10 then null else w.deactivated end,
      exhausted = case when ${isFresh} then 0 else w.exhausted end,
      opened = case when ${isFresh} then 0 else w.opened end,
      open_until = case when ${isFresh} then '-infinity' else w.open_until end, updated_at = gateway_now()
    where ${ofCustomer} and w.id = $2 returning ${columns}`,
}
const remove: Statement = {
  name: 'webhooks-remove',
  text: `update webhooks w set removed_at = gateway_now(), active = false, secrets = null where ${ofCustomer} and w.id = $2
    returning w.id`,
}
export function createWebhookStore(db: Db, box: SealedBox) {
  const seal = (id: WebhookId, secrets: readonly SecretGeneration[]) =>
    box.seal(Buffer.from(JSON.stringify(secrets)), placeOfWebhook(id))
  const rowsOf = (tx: Queryable, customerId: CustomerId) => tx.query<WebhookRow>(list, [customerId])
  const save = async (tx: Queryable, row: WebhookRow, fields: WebhookFields): Promise<WebhookRow> => {
    const { name, url, events, dialect, ordered, publicKey, active } = fields
    const values = [name, url, events, dialect, ordered, seal(row.id, fields.secrets), publicKey, active]
    const [changed] = await tx.query<WebhookRow>(update, [row.customer_id, row.id, ...values])
    if (changed === undefined) throw new Error(`Webhook ${row.id} was not stored.`)
    return changed
  }
  return {
    list: (customerId: CustomerId) => rowsOf(db, customerId),

    async get(customerId: CustomerId, id: WebhookId): Promise<WebhookRow | null> {
      return (await db.query<WebhookRow>(one, [customerId, id]))[0] ?? null
    },

    /** `decide` sees all webhooks of the customer, and what it throws changes nothing. */
    async add(
      customerId: CustomerId,
      id: WebhookId,
      decide: (rows: readonly WebhookRow[]) => Addition,
    ): Promise<WebhookRow> {
      return db.transaction(async (tx) => {
        await tx.query(lockCustomer, [customerId])
        const { fields, pause, drop } = decide(await rowsOf(tx, customerId))
        for (const row of pause) await save(tx, row, { ...fieldsOf(row, openSecrets(box, row)), active: false })
        for (const row of drop) await tx.query(remove, [customerId, row.id])
        const { name, url, events, dialect, ordered, secrets, publicKey } = fields
        const values = [customerId, id, name, url, events, dialect, ordered, seal(id, secrets), publicKey]
        const [added] = await tx.query<WebhookRow>(insert, values)
        if (added === undefined) throw new Error(`Webhook ${id} was not stored.`)
        return added
      })
    },

    /** Null: there is no such webhook. */
    async change(
      customerId: CustomerId,
      id: WebhookId,
      decide: (row: WebhookRow, fields: WebhookFields, rows: readonly WebhookRow[]) => WebhookFields,
    ): Promise<WebhookRow | null> {
      return db.transaction(async (tx) => {
        await tx.query(lockCustomer, [customerId])
        const rows = await rowsOf(tx, customerId)
        const row = rows.find((known) => known.id === id)
        return row === undefined ? null : save(tx, row, decide(row, fieldsOf(row, openSecrets(box, row)), rows))
      })
    },

    async remove(customerId: CustomerId, id: WebhookId): Promise<boolean> {
      return (await db.query(remove, [customerId, id])).length === 1
    },

    secretsOf: (row: WebhookRow) => openSecrets(box, row),
  }
}

export type WebhookStore = ReturnType<typeof createWebhookStore>

function placeOfWebhook(id: WebhookId): string {
  return `webhook/${id}`
}

export function openSecrets(box: SealedBox, row: Pick<WebhookRow, 'id' | 'secrets'>): SecretGeneration[] {
  return JSON.parse(box.open(row.secrets, placeOfWebhook(row.id)).toString()) as SecretGeneration[]
}

function fieldsOf(row: WebhookRow, secrets: readonly SecretGeneration[]): WebhookFields {
  const { name, url, events, dialect, ordered, active } = row
  return { name, url, events, dialect, ordered, secrets, publicKey: row.public_key, active }
}

export function webhookFrom(row: WebhookRow): Webhook {
  return {
    id: row.id,
    customerId: row.customer_id,
    name: row.name,
    url: row.url,
    events: row.events,
    dialect: row.dialect,
    active: row.active,
    deactivated: row.deactivated,
    ordered: row.ordered,
    publicKey: row.public_key,
    health: { breaker: row.open ? 'open' : 'closed', exhausted: row.exhausted, pending: row.pending },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
