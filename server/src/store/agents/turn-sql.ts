/** The SQL of what agents have to answer. */
import type { Statement } from '../db.ts'

/** How long a chat is quiet before it is answered, so that texts in a row get one answer; and how long it may put that off. */
const quiet = `interval '1500 ms'`
const quietMax = `interval '10 s'`
const keptFor = `interval '30 days'`
/** Ids are minted by other clocks than the database's. */
const slack = `interval '5 minutes'`

/**
 * Two parts of the statement that stores what came in, so that no message is without its turn. `fresh` are the keys of
 * those that are new, `input` has all of them, with `said_at` for those that may be answered. Chats are locked in their order.
 */
export const askAgents = `asked as (
    insert into agent_turns (customer_id, message_id, agent_id, line_id, conversation_id, said_at)
    select i.customer_id, i.id, a.agent_id, i.line_id, i.conversation_id, least(i.said_at, gateway_now())
    from input i join fresh f on f.customer_id = i.customer_id and f.message_id = i.id
    join agent_sessions a on a.customer_id = i.customer_id and a.line_id = i.line_id and a.is_default and a.is_active
    where i.said_at is not null order by i.ord
    returning customer_id, conversation_id, line_id
  ), awaited as (
    insert into agent_chats as c (customer_id, conversation_id, line_id, due_at, since)
    select distinct customer_id, conversation_id, line_id, gateway_now() + ${quiet}, gateway_now() from asked order by 1, 2
    on conflict (customer_id, conversation_id) do update set line_id = excluded.line_id,
      due_at = greatest(least(excluded.due_at, coalesce(c.since, excluded.since) + ${quietMax}), c.not_before),
      since = coalesce(c.since, excluded.since)
  )`

/** A crash counts as an attempt, so that what always ends the process is not tried for ever. */
export const claim: Statement = {
  name: 'agent-chats-claim',
  text: `with due as materialized (
    select customer_id, conversation_id from agent_chats
    where due_at <= gateway_now() and lease_until <= gateway_now() and customer_id <> all ($4::uuid[])
    order by due_at limit $1 for update skip locked
  ), held as (
    update agent_chats c set lease_until = gateway_now() + $2 * interval '1 ms', fence = nextval('fences'), holder = $3, since = null
    from due d where c.customer_id = d.customer_id and c.conversation_id = d.conversation_id
    returning c.customer_id, c.conversation_id, c.line_id, c.fence
  ), taken as (
    update agent_turns t set state = 'working', attempts = t.attempts + 1 from held h
    where t.customer_id = h.customer_id and t.conversation_id = h.conversation_id and t.ended_at is null
  )
  select customer_id as "customerId", conversation_id as "conversationId", line_id as "lineId", fence from held`,
}

export const open: Statement = {
  name: 'agent-turns-open',
  text: `select t.message_id as "messageId", t.attempts, t.said_at as "saidAt", m.content ->> 'text' as text, t.reply
    from agent_turns t left join messages m on m.customer_id = t.customer_id and m.id = t.message_id
      and m.deleted_at is null and not m.withheld
    where t.customer_id = $1 and t.conversation_id = $2 and t.ended_at is null and t.state = 'working' order by t.message_id`,
}

/** All chats that turned out to be one with one person: their messages are in the oldest, what agents did in each. */
const places = `place as materialized (
    select coalesce(joined_into, id) as id from conversations where customer_id = $1 and id = $2
  ), places as materialized (
    select id from place union all
    select c.id from place join conversations c on c.customer_id = $1 and c.joined_into = place.id
  )`

/**
 * What was never sent, or was taken back, was not said. What waits for an answer comes last: while the model thought
 * about the texts before, these came in, and then its answer went out.
 */
export const history: Statement = {
  name: 'agent-history',
  text: `with ${places}
  select h.by, h.text, h.at from (
    select m.* from places p cross join lateral (
      select m.id, case m.direction when 'inbound' then 'them' else 'us' end as by, m.content ->> 'text' as text,
        case m.direction when 'inbound' then m.created_at else coalesce(m.sent_at, m.created_at) end as at
      from messages m where m.customer_id = $1 and m.conversation_id = p.id and (m.id <= $3 or m.direction = 'outbound')
        and m.deleted_at is null and not m.withheld and m.status not in ('scheduled', 'cancelled', 'failed', 'unsent')
        and m.content ->> 'text' <> ''
      order by m.id desc limit $4
    ) m order by m.id desc limit $4
  ) h order by exists (select from agent_turns t where t.customer_id = $1 and t.message_id = h.id and t.ended_at is null) desc,
    h.id desc`,
}

/** An agent's own messages are known by their key, which names a turn: nobody else has such a key and such a turn. */
const isByAgent = `exists (select from agent_turns t where t.customer_id = m.customer_id and t.message_id =
  case when m.idempotency_key ~ '^agent:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substring(m.idempotency_key from 7)::uuid end)`

/** The first id that can have been minted since. */
const idSince = (since: string) =>
  `(lpad(to_hex(floor(extract(epoch from ${since} - ${slack}) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid`

const byHand = (where: string) => `select m.created_at from messages m, span
  where m.customer_id = $1 and ${where} and m.id >= ${idSince('span.since')} and m.created_at > span.since
    and m.direction = 'outbound' and m.line_id = $3 and 'whatsapp' = any (m.route) and m.scheduled_at is null
    and not m.content ? 'answersChoice' and not ${isByAgent}`

const inChat = 'customer_id = $1 and conversation_id in (select id from places)'

const span = `${places}, span as materialized (
    select greatest(gateway_now() - $5 * interval '1 minute', coalesce(
      (select max(resumed_at) from agent_chats where ${inChat}), '-infinity')) as since
  )`

const lastByHand = `(select max(created_at) from (
    ${byHand('m.conversation_id in (select id from places)')} union all ${byHand('m.to_address = $4')}) h)`

const repliesIn = (time: string) => `(select count(distinct reply_id)::int from agent_turns where ${inChat}
  and reply_id is not null and ended_at > gateway_now() - interval '${time}')`

const ofAgent = `from agent_turns where customer_id = $1 and agent_id = $6 and (tokens > 0 or reply_id is not null)
  and ended_at > gateway_now() - interval '1 day'`

/** Chats in which this agent was at work before: each may be about to get an answer. */
const underWay = `(select count(*)::int from agent_chats c join agent_sessions s on s.customer_id = c.customer_id
    and s.line_id = c.line_id and s.is_default and s.is_active
  where c.holder is not null and c.customer_id = $1 and s.agent_id = $6 and c.fence < $7 and c.lease_until > gateway_now())`

/** A line of this gateway is looked for whoever it belongs to; nothing but yes or no comes of it. */
export const facts: Statement = {
  name: 'agent-facts',
  text: `with ${span}
  select gateway_now() as now, ${lastByHand} as "byHandAt",
    (select max(paused_until) from agent_chats where ${inChat}) as "pausedUntil",
    exists (select from lines l join agent_sessions s on s.customer_id = l.customer_id and s.line_id = l.id and s.is_default
      and s.is_active where l.address = $4 and l.removed_at is null) as "isOtherAgent",
    ${repliesIn('1 minute')} as "repliesLastMinute",
    ${repliesIn('5 minutes')} as "repliesLastFiveMinutes",
    ${repliesIn('1 hour')} as "repliesLastHour",
    (select count(distinct reply_id)::int ${ofAgent}) + ${underWay} as "repliesLastDay",
    (select coalesce(sum(tokens), 0)::int ${ofAgent}) as "tokensLastDay"`,
}

/** For whoever asks before the person has written again. */
export const byHandAt: Statement = {
  name: 'agent-by-hand-at',
  text: `with ${span} select ${lastByHand} as at`,
}

/** The row of the chat, if it is still held under this fence: nothing is written without it. */
const mine = `mine as materialized (
    select customer_id, conversation_id from agent_chats
    where customer_id = $1 and conversation_id = $2 and fence = $3 and lease_until > gateway_now() for update
  )`

export const keepReply: Statement = {
  name: 'agent-turns-keep-reply',
  text: `with ${mine}
  update agent_turns t set reply = $5, tokens = t.tokens + $6 from mine
    where t.customer_id = $1 and t.conversation_id = $2 and t.message_id = $4 and t.ended_at is null returning t.message_id`,
}

/** Whatever came in meanwhile keeps its own due time. */
const freed = `lease_until = '-infinity', holder = null`

export const end: Statement = {
  name: 'agent-turns-end',
  text: `with ${mine}, ended as (
    update agent_turns t set state = $4, reason = $5, agent_id = coalesce($6, t.agent_id), reply_id = $7, reply = null,
      ended_at = gateway_now()
    from mine where t.customer_id = $1 and t.conversation_id = $2 and t.state = 'working'
      and ($10::uuid is null or t.message_id <= $10)
  ), remaining as (
    update agent_turns t set state = 'pending'
    from mine where t.customer_id = $1 and t.conversation_id = $2 and t.state = 'working' and t.message_id > $10
    returning t.message_id
  )
  update agent_chats c set ${freed}, due_at = case when exists (select from remaining) then gateway_now()
      when c.since is null then null else c.due_at end,
    not_before = '-infinity', paused_until = coalesce($8, c.paused_until), paused_why = coalesce($9, c.paused_why)
  from mine where c.customer_id = $1 and c.conversation_id = $2 returning c.conversation_id`,
}

export const again: Statement = {
  name: 'agent-turns-again',
  text: `with ${mine}, waiting as (
    update agent_turns t set state = 'pending', reason = $5
    from mine where t.customer_id = $1 and t.conversation_id = $2 and t.state = 'working'
  )
  update agent_chats c set ${freed}, due_at = gateway_now() + $4 * interval '1 ms',
    not_before = gateway_now() + $4 * interval '1 ms'
  from mine where c.customer_id = $1 and c.conversation_id = $2 returning c.conversation_id`,
}

export const log: Statement = {
  name: 'agent-turns-log',
  text: `select t.message_id, t.agent_id, t.line_id, t.conversation_id, t.state, t.reason, t.attempts, t.tokens, t.reply_id,
      t.created_at, t.ended_at, m.from_address as person
    from agent_turns t left join messages m on m.customer_id = t.customer_id and m.id = t.message_id
    where t.customer_id = $1 and t.agent_id = $2 and ($3::uuid is null or t.message_id < $3)
    order by t.message_id desc limit $4`,
}

export const pauses: Statement = {
  name: 'agent-pauses',
  text: `select c.line_id as "lineId", c.conversation_id as "conversationId", v.handle as person, c.paused_why as reason,
      c.paused_until as until
    from agent_chats c left join conversations v on v.customer_id = c.customer_id and v.id = c.conversation_id
    where c.customer_id = $1 and c.paused_until > gateway_now() order by c.paused_until desc limit 1000`,
}

export const chatWith: Statement = {
  name: 'agent-chat-with',
  text: `select id from conversations where customer_id = $1 and line_id = $2 and channel = 'whatsapp' and handle = $3
    and not is_group and joined_into is null order by id limit 1`,
}

export const pauseOf: Statement = {
  name: 'agent-pause-of',
  text: `with ${places} select paused_until as until, paused_why as reason from agent_chats
    where ${inChat} and paused_until > gateway_now() order by paused_until desc limit 1`,
}

export const resume: Statement = {
  name: 'agent-resume',
  text: `with ${places}, others as (
    update agent_chats set paused_until = null, paused_why = null where ${inChat} and conversation_id <> $2
  )
  insert into agent_chats (customer_id, conversation_id, line_id, resumed_at) values ($1, $2, $3, gateway_now())
    on conflict (customer_id, conversation_id) do update set paused_until = null, paused_why = null, resumed_at = gateway_now()`,
}

export const forget: Statement = {
  name: 'agent-turns-forget',
  text: `delete from agent_turns where (customer_id, message_id) in (
    select customer_id, message_id from agent_turns where ended_at < gateway_now() - ${keptFor} limit $1) returning message_id`,
}
