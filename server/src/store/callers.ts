/** Customers and their keys. */
import type { Channel } from '../model/channel.ts'
import type { CustomerId, KeyId } from '../model/ids.ts'
import type { Db, Statement } from './db.ts'

export interface CustomerRow {
  id: CustomerId
  email: string
  name: string
  company: string | null
  requests_per_minute: number | null
  opt_out_channels: Channel[]
  created_at: Date
}

export interface KeyRow {
  customer_id: CustomerId
  id: KeyId
  name: string
  prefix: string
  scopes: string[]
  created_at: Date
  expires_at: Date | null
  revoked_at: Date | null
  last_used_at: Date | null
  email: string
}

export interface KeyCheck {
  customer_id: CustomerId
  id: KeyId
  hash: Buffer
  scopes: string[]
  usable: boolean
  requests_per_minute: number | null
}

const customerColumns = 'id, email, name, company, requests_per_minute, opt_out_channels, created_at'
const keyColumns = `k.customer_id, k.id, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, c.email`

const insertCustomer: Statement = {
  name: 'customers-insert',
  text: `insert into customers (id, email, name, company, requests_per_minute, opt_out_channels) values ($1, $2, $3, $4, $5, $6)
    on conflict (lower(email)) do nothing returning ${customerColumns}`,
}
/** Fields that are not named stay. */
const updateCustomer: Statement = {
  name: 'customers-update',
  text: `update customers c set name = n.name, company = n.company, requests_per_minute = n.requests_per_minute,
      opt_out_channels = n.opt_out_channels
    from customers o, json_populate_record(o, $2::json) n where o.id = $1 and c.id = o.id
    returning c.id, c.email, c.name, c.company, c.requests_per_minute, c.opt_out_channels, c.created_at`,
}
const oneCustomer: Statement = { name: 'customers-one', text: `select ${customerColumns} from customers where id = $1` }
const customerByEmail: Statement = {
  name: 'customers-by-email',
  text: `select ${customerColumns} from customers where lower(email) = lower($1)`,
}
const pageCustomers: Statement = {
  name: 'customers-page',
  text: `select ${customerColumns} from customers where ($1::uuid is null or id < $1) order by id desc limit $2`,
}
const insertKey: Statement = {
  name: 'keys-insert',
  text: `with k as (insert into api_keys (customer_id, id, name, prefix, hash, scopes, expires_at)
      values ($1, $2, $3, $4, $5, $6, $7) returning *)
    select ${keyColumns} from k join customers c on c.id = k.customer_id`,
}
const pageKeys: Statement = {
  name: 'keys-page',
  text: `select ${keyColumns} from api_keys k join customers c on c.id = k.customer_id
    where ($1::uuid is null or k.id < $1) and ($2::uuid is null or k.customer_id = $2) order by k.id desc limit $3`,
}
const revokeKey: Statement = {
  name: 'keys-revoke',
  text: `with k as (update api_keys set revoked_at = coalesce(revoked_at, gateway_now()) where id = $1 returning *)
    select ${keyColumns} from k join customers c on c.id = k.customer_id`,
}
const checkKey: Statement = {
  name: 'keys-check',
  text: `select k.customer_id, k.id, k.hash, k.scopes, c.requests_per_minute,
      k.revoked_at is null and (k.expires_at is null or k.expires_at > gateway_now()) as usable
    from api_keys k join customers c on c.id = k.customer_id where k.hash = $1`,
}
const touchKeys: Statement = {
  name: 'keys-touch',
  text: 'update api_keys set last_used_at = gateway_now() where id = any($1::uuid[])',
}

const readSetting: Statement = { name: 'settings-read', text: 'select value from settings where name = $1' }
const keepSetting: Statement = {
  name: 'settings-keep',
  text: 'insert into settings (name, value) values ($1, $2) on conflict (name) do nothing',
}

export function createCallerStore(db: Db) {
  return {
    /** Null: the e-mail address is taken. */
    async addCustomer(customer: Omit<CustomerRow, 'created_at'>): Promise<CustomerRow | null> {
      const { id, email, name, company, requests_per_minute, opt_out_channels } = customer
      const values = [id, email, name, company, requests_per_minute, opt_out_channels]
      return (await db.query<CustomerRow>(insertCustomer, values))[0] ?? null
    },
    async changeCustomer(
      id: CustomerId,
      change: Partial<Pick<CustomerRow, 'name' | 'company' | 'requests_per_minute' | 'opt_out_channels'>>,
    ): Promise<CustomerRow | null> {
      return (await db.query<CustomerRow>(updateCustomer, [id, JSON.stringify(change)]))[0] ?? null
    },
    async customer(id: CustomerId): Promise<CustomerRow | null> {
      return (await db.query<CustomerRow>(oneCustomer, [id]))[0] ?? null
    },
    async customerByEmail(email: string): Promise<CustomerRow | null> {
      return (await db.query<CustomerRow>(customerByEmail, [email]))[0] ?? null
    },
    customers: (after: CustomerId | null, limit: number) => db.query<CustomerRow>(pageCustomers, [after, limit]),

    async addKey(key: {
      customerId: CustomerId
      id: KeyId
      name: string
      prefix: string
      hash: Buffer
      scopes: readonly string[]
      expiresAt: Date | null
    }): Promise<KeyRow> {
      const values = [key.customerId, key.id, key.name, key.prefix, key.hash, key.scopes, key.expiresAt]
      const [row] = await db.query<KeyRow>(insertKey, values)
      if (row === undefined) throw new Error(`Key ${key.id} was not stored.`)
      return row
    },
    keys: (page: { after: KeyId | null; customerId: CustomerId | null; limit: number }) =>
      db.query<KeyRow>(pageKeys, [page.after, page.customerId, page.limit]),
    async revokeKey(id: KeyId): Promise<KeyRow | null> {
      return (await db.query<KeyRow>(revokeKey, [id]))[0] ?? null
    },
    async checkKey(hash: Buffer): Promise<KeyCheck | null> {
      return (await db.query<KeyCheck>(checkKey, [hash]))[0] ?? null
    },
    async touchKeys(ids: readonly KeyId[]): Promise<void> {
      await db.query(touchKeys, [ids])
    },

    /** The value that was there first. */
    async keepSetting(name: string, value: string): Promise<string> {
      await db.query(keepSetting, [name, value])
      return (await db.query<{ value: string }>(readSetting, [name]))[0]?.value ?? value
    },
  }
}

export type CallerStore = ReturnType<typeof createCallerStore>
