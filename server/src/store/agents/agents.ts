/** Agents as their owners see and change them, their keys, which are sealed, and the lines they work on. */
import type { SealedBox } from '../../lib/sealed-box.ts'
import {
  type Agent,
  type AgentFields,
  type AgentManner,
  type AgentPost,
  type SessionAgent,
  usualManner,
} from '../../model/agents/agent.ts'
import type { AgentId, CustomerId, LineId } from '../../model/ids.ts'
import type { Db, Statement } from '../db.ts'

interface AgentRow {
  customer_id: CustomerId
  id: AgentId
  name: string
  system_prompt: string
  base_url: string
  model: string
  key_end: string | null
  manner: AgentManner
  posts: AgentPost[]
  created_at: Date
  updated_at: Date
}

/** A key as it is given; null takes it away. */
export interface KeyGiven {
  apiKey: string | null
}

export interface NewPost {
  customerId: CustomerId
  agentId: AgentId
  lineId: LineId
  isActive: boolean
  /** Null: if the line has no default yet. */
  isDefault: boolean | null
}

const columns = `a.customer_id, a.id, a.name, a.system_prompt, a.base_url, a.model, a.key_end, a.manner, a.created_at, a.updated_at,
  (select coalesce(jsonb_agg(jsonb_build_object('lineId', s.line_id, 'isActive', s.is_active, 'isDefault', s.is_default)
      order by s.line_id), '[]')
    from agent_sessions s join lines l on l.id = s.line_id and l.customer_id = s.customer_id and l.removed_at is null
    where s.customer_id = a.customer_id and s.agent_id = a.id) as posts`

const list: Statement = {
  name: 'agents-list',
  text: `select ${columns} from agents a where a.customer_id = $1 order by a.id`,
}
const one: Statement = {
  name: 'agents-one',
  text: `select ${columns} from agents a where a.customer_id = $1 and a.id = $2`,
}
/** Two that make agents of one customer at once see each other's. */
const lockCustomer: Statement = { name: 'agents-lock', text: 'select from customers where id = $1 for no key update' }
const insert: Statement = {
  name: 'agents-insert',
  text: `insert into agents as a (customer_id, id, name, system_prompt, base_url, model, manner, api_key, key_end)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9 where (select count(*) from agents c where c.customer_id = $1) < $10
    returning ${columns}`,
}
const lockOne: Statement = {
  name: 'agents-lock-one',
  text: `select ${columns} from agents a where a.customer_id = $1 and a.id = $2 for update`,
}
const update: Statement = {
  name: 'agents-update',
  text: `update agents a set name = $3, system_prompt = $4, base_url = $5, model = $6, manner = $7, updated_at = gateway_now()
    where a.customer_id = $1 and a.id = $2 returning ${columns}`,
}
const setKey: Statement = {
  name: 'agents-set-key',
  text: 'update agents set api_key = $3, key_end = $4 where customer_id = $1 and id = $2',
}
const remove: Statement = {
  name: 'agents-remove',
  text: 'delete from agents where customer_id = $1 and id = $2 returning id',
}
const undefault: Statement = {
  name: 'agents-undefault',
  text: `update agent_sessions set is_default = false
    where customer_id = $1 and line_id = $2 and agent_id <> $3 and is_default`,
}
const post: Statement = {
  name: 'agents-post',
  text: `insert into agent_sessions as s (customer_id, line_id, agent_id, is_active, is_default)
    values ($1, $2, $3, $4, coalesce($5, not exists (
      select from agent_sessions d where d.customer_id = $1 and d.line_id = $2 and d.is_default)))
    on conflict (customer_id, line_id, agent_id) do update
      set is_active = excluded.is_active, is_default = coalesce($5, s.is_default or excluded.is_default)`,
}
const unpost: Statement = {
  name: 'agents-unpost',
  text: 'delete from agent_sessions where customer_id = $1 and line_id = $2 and agent_id = $3 returning agent_id',
}
const ofLines: Statement = {
  name: 'agents-of-lines',
  text: `select s.line_id as "lineId", a.id, a.name, s.is_active as "isActive", s.is_default as "isDefault"
    from agent_sessions s join agents a on a.customer_id = s.customer_id and a.id = s.agent_id
    where s.customer_id = $1 and s.line_id = any($2::uuid[]) order by a.id`,
}
const answering: Statement = {
  name: 'agents-answering',
  text: `select ${columns}, a.api_key from agent_sessions s join agents a on a.customer_id = s.customer_id and a.id = s.agent_id
    where s.customer_id = $1 and s.line_id = $2 and s.is_default and s.is_active`,
}

export function createAgentStore(db: Db, box: SealedBox) {
  return Object.assign(owning(db, box), posting(db, box))
}

export type AgentStore = ReturnType<typeof createAgentStore>

function owning(db: Db, box: SealedBox) {
  return {
    async list(customerId: CustomerId): Promise<Agent[]> {
      return (await db.query<AgentRow>(list, [customerId])).map(agentFrom)
    },

    async get(customerId: CustomerId, id: AgentId): Promise<Agent | null> {
      const [row] = await db.query<AgentRow>(one, [customerId, id])
      return row === undefined ? null : agentFrom(row)
    },

    /** Null: the customer has as many as they may. */
    async add(fresh: Agent, given: KeyGiven, most: number): Promise<Agent | null> {
      const { customerId, id, name, systemPrompt, baseUrl, model, manner } = fresh
      return db.transaction(async (tx) => {
        await tx.query(lockCustomer, [customerId])
        const values = [customerId, id, name, systemPrompt, baseUrl, model, JSON.stringify(manner)]
        const [row] = await tx.query<AgentRow>(insert, [...values, ...sealed(box, id, given.apiKey), most])
        return row === undefined ? null : agentFrom(row)
      })
    },

    /** `decide` sees it as it is, and what it throws changes nothing. Null: there is no such agent. */
    async change(
      customerId: CustomerId,
      id: AgentId,
      decide: (agent: Agent) => { fields: AgentFields; key: KeyGiven | null },
    ): Promise<Agent | null> {
      return db.transaction(async (tx) => {
        const [row] = await tx.query<AgentRow>(lockOne, [customerId, id])
        if (row === undefined) return null
        const { fields, key } = decide(agentFrom(row))
        if (key !== null) await tx.query(setKey, [customerId, id, ...sealed(box, id, key.apiKey)])
        const { name, systemPrompt, baseUrl, model, manner } = fields
        const values = [name, systemPrompt, baseUrl, model, JSON.stringify(manner)]
        const [changed] = await tx.query<AgentRow>(update, [customerId, id, ...values])
        return changed === undefined ? null : agentFrom(changed)
      })
    },

    async remove(customerId: CustomerId, id: AgentId): Promise<boolean> {
      return (await db.query(remove, [customerId, id])).length === 1
    },
  }
}

/** Where agents work. */
function posting(db: Db, box: SealedBox) {
  return {
    /** The default of a line takes the place of the one before. False: there is no such agent. */
    async post({ customerId, agentId, lineId, isActive, isDefault }: NewPost): Promise<boolean> {
      return db.transaction(async (tx) => {
        await tx.query(lockCustomer, [customerId])
        if ((await tx.query(lockOne, [customerId, agentId])).length === 0) return false
        if (isDefault === true) await tx.query(undefault, [customerId, lineId, agentId])
        await tx.query(post, [customerId, lineId, agentId, isActive, isDefault])
        return true
      })
    },

    async unpost(customerId: CustomerId, agentId: AgentId, lineId: LineId): Promise<boolean> {
      return (await db.query(unpost, [customerId, lineId, agentId])).length === 1
    },

    ofLines: (customerId: CustomerId, lineIds: readonly LineId[]): Promise<SessionAgent[]> =>
      db.query<SessionAgent>(ofLines, [customerId, lineIds]),

    /** The one that answers on the line, with its key. */
    async answering(customerId: CustomerId, lineId: LineId): Promise<{ agent: Agent; apiKey: string | null } | null> {
      const [row] = await db.query<AgentRow & { api_key: Buffer | null }>(answering, [customerId, lineId])
      if (row === undefined) return null
      const apiKey = row.api_key === null ? null : box.open(row.api_key, placeOfKey(row.id)).toString()
      return { agent: agentFrom(row), apiKey }
    },
  }
}

function placeOfKey(id: AgentId): string {
  return `agent/${id}`
}

function sealed(box: SealedBox, id: AgentId, apiKey: string | null): [Buffer | null, string | null] {
  return [apiKey === null ? null : box.seal(Buffer.from(apiKey), placeOfKey(id)), endOf(apiKey)]
}

const shownOfKey = 4
const keyMinToShow = 12

/** Of a short key the end would be too much of it. */
function endOf(apiKey: string | null): string | null {
  if (apiKey === null) return null
  return apiKey.length < keyMinToShow ? '' : apiKey.slice(-shownOfKey)
}

function agentFrom(row: AgentRow): Agent {
  return {
    id: row.id,
    customerId: row.customer_id,
    name: row.name,
    systemPrompt: row.system_prompt,
    provider: 'openai-compatible',
    baseUrl: row.base_url,
    model: row.model,
    // One that was made before there was some limit has the usual one.
    manner: { ...usualManner, ...row.manner },
    keyEnd: row.key_end,
    posts: row.posts,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
