/** The SQL of what is told once: a row of `recent_events` for each notice of a network, and changes of groups. */
import type { Statement } from '../db.ts'
import { fanOut, hearingColumns } from './fan-out.ts'

/** Keys hold names and numbers of any length; a hash is short, and tells nobody anything. */
const hashed = (key: string) => `sha256(convert_to(${key}, 'UTF8'))`

const eventColumns = `event_id uuid, event_type text, correlation_id text, event_data jsonb, ${hearingColumns}`

const input = `input as materialized (
    select 1 as ord, $1::uuid as customer_id, i.* from json_to_record($2::json) as i(${eventColumns})
  )`

const inputs = `input as materialized (
    select row_number() over () as ord, $1::uuid as customer_id, i.* from json_to_recordset($2::json) as i(${eventColumns})
  )`

const told = (where: string) => `told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select customer_id, event_id, event_type, gateway_now(), correlation_id, event_data from input
    where ${where} order by ord
  ), ${fanOut('input', where)}`

export const seen: Statement = {
  name: 'told-seen',
  text: `select from recent_events where customer_id = $1 and key = ${hashed('$2')} and expires_at > gateway_now()`,
}

/** The conversation's row is locked by now. A chat of two is with whoever is in it, under the name they have now. */
export const changeConversation: Statement = {
  name: 'told-change',
  text: `with ${inputs}, changed as (
    update conversations set name = $4, participants = coalesce($5::jsonb, participants), unheard = $6, absent = $7,
      recent = coalesce($8::jsonb, recent), photo = $9::jsonb,
      handle = case when is_group or $5::jsonb is null then handle else $5::jsonb #>> '{0,handle}' end
    where customer_id = $1 and id = $3
  ), ${told('true')}
  select from input`,
}

/** More of the same change. */
export const tellAlso: Statement = { name: 'told-also', text: `with ${inputs}, ${told('true')} select from input` }

/** Told or not: told again when all else is forgotten, it must not be taken for news. */
export const remember: Statement = {
  name: 'told-remember',
  text: `insert into recent_events (customer_id, key, origin, expires_at)
    values ($1, ${hashed('$2')}, 'network', gateway_now() + $3 * interval '1 ms')
    on conflict (customer_id, key) do update set expires_at = excluded.expires_at`,
}

/** The row decides: of two that tell the same, the second waits here for the first and finds it told. */
export const tellOnce: Statement = {
  name: 'told-once',
  text: `with ${input}, fresh as (
    insert into recent_events as r (customer_id, key, origin, expires_at)
    values ($1, ${hashed('$3')}, 'network', gateway_now() + $4 * interval '1 ms')
    on conflict (customer_id, key) do update set expires_at = excluded.expires_at where r.expires_at <= gateway_now()
    returning key
  ), ${told('exists (select from fresh)')}
  select from fresh`,
}

export const forget: Statement = {
  name: 'told-forget',
  text: `with old as (
    select customer_id, key from recent_events where expires_at <= gateway_now()
    order by expires_at limit $1 for update skip locked
  )
  delete from recent_events r using old where r.customer_id = old.customer_id and r.key = old.key returning 1`,
}
