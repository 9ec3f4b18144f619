/** The SQL of what is told once: a row of `recent_events` for each change of a group and each notice of a network. */
import type { Statement } from '../db.ts'
import { fanOut, hearingColumns } from './fan-out.ts'

/** Keys hold names and numbers of any length; a hash is short, and tells nobody anything. */
const hashed = (key: string) => `sha256(convert_to(${key}, 'UTF8'))`

const input = `input as materialized (
    select 1 as ord, $1::uuid as customer_id, i.* from json_to_record($2::json) as i(
      event_id uuid, event_type text, correlation_id text, event_data jsonb, ${hearingColumns})
  )`

const told = (where: string) => `told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select customer_id, event_id, event_type, gateway_now(), correlation_id, event_data from input where ${where}
  ), ${fanOut('input', where)}`

function remembering([origin, keys, times]: readonly [origin: string, keys: string, times: string]): string {
  return `insert into recent_events (customer_id, key, origin, expires_at)
    select $1, ${hashed('k.key')}, ${origin}, gateway_now() + k.ms * interval '1 ms'
    from unnest(${keys}::text[], ${times}::int[]) k(key, ms) order by 2
    on conflict (customer_id, key) do update set origin = excluded.origin, expires_at = excluded.expires_at`
}

export const seen: Statement = {
  name: 'told-seen',
  text: `select k.ord, r.origin from unnest($2::text[]) with ordinality k(key, ord)
    join recent_events r on r.customer_id = $1 and r.key = ${hashed('k.key')} where r.expires_at > gateway_now()`,
}

/** The conversation's row is locked by now, and whoever writes these keys holds that lock. A picture is kept by whoever set it. */
export const changeConversation: Statement = {
  name: 'told-change',
  text: `with ${input}, changed as (
    update conversations set name = $4, participants = $5, photo = case when $9 then null else photo end
    where customer_id = $1 and id = $3
  ), remembered as (${remembering(['$6', '$7', '$8'])}), ${told('true')}
  select from input`,
}

/** Nobody is told of it. */
export const amendConversation: Statement = {
  name: 'told-amend',
  text: `update conversations set name = $3, participants = $4::jsonb,
      handle = case when is_group then handle else $4::jsonb #>> '{0,handle}' end
    where customer_id = $1 and id = $2`,
}

/** What was heard and not told is remembered too: told again when all else is forgotten, it must not be taken for news. */
export const remember: Statement = { name: 'told-remember', text: remembering(['$2', '$3', '$4']) }

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

export const forgetOne: Statement = {
  name: 'told-forget-one',
  text: `delete from recent_events where customer_id = $1 and key = ${hashed('$2')}`,
}

export const forget: Statement = {
  name: 'told-forget',
  text: `with old as (
    select customer_id, key from recent_events where expires_at <= gateway_now()
    order by expires_at limit $1 for update skip locked
  )
  delete from recent_events r using old where r.customer_id = old.customer_id and r.key = old.key returning 1`,
}
