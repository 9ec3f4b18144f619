-- The foundation: customers and keys, lines and who holds them, conversations, messages, the outbox and its lanes, the log.
-- Every key of a customer's data starts with the customer. Nothing here needs more than PostgreSQL 15.

-- The one clock of leases and schedules. A function of its own, so that a test can move it.
create function gateway_now() returns timestamptz language sql stable parallel safe as 'select now()';

create sequence fences;
create sequence event_order;

create table settings (name text primary key, value text not null);

create table customers (
  id uuid primary key,
  email text not null,
  name text not null,
  company text,
  requests_per_minute int,
  created_at timestamptz not null default gateway_now()
);
create unique index customers_email on customers (lower(email));

create table api_keys (
  customer_id uuid not null references customers,
  id uuid not null,
  name text not null,
  prefix text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamptz not null default gateway_now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  primary key (customer_id, id)
);
create unique index api_keys_hash on api_keys (hash);
create unique index api_keys_id on api_keys (id);

-- Processes of the gateway. `number` is also the key of the advisory lock a living one holds.
create sequence node_numbers as int cycle;
create table nodes (
  number int primary key,
  started_at timestamptz not null default gateway_now(),
  seen_at timestamptz not null default gateway_now()
);

-- A line is held by one process at a time: `epoch` rises with each holder.
create table lines (
  id uuid primary key,
  customer_id uuid references customers,
  name text not null,
  address text,
  email text,
  provider text not null,
  channels text[] not null,
  is_default boolean not null default false,
  status text not null default 'active' check (status in ('active', 'inactive', 'maintenance')),
  url text,
  secret bytea,
  host_type text,
  host_info text,
  created_at timestamptz not null default gateway_now(),
  removed_at timestamptz,
  holder int,
  epoch bigint not null default 0,
  lease_until timestamptz not null default '-infinity'
);
create unique index lines_customer on lines (customer_id, id);
create unique index lines_address on lines (address) where removed_at is null;
create unique index lines_email on lines (email) where removed_at is null;
create index lines_removed on lines (removed_at) where removed_at is not null;
create unique index lines_default on lines (customer_id) where is_default and removed_at is null;

create table links (
  line_id uuid not null references lines,
  channel text not null,
  state jsonb not null,
  changed_at timestamptz not null default gateway_now(),
  primary key (line_id, channel)
);

-- Verbs asked of the process that holds the line.
create table link_commands (
  id uuid primary key,
  line_id uuid not null references lines,
  channel text not null,
  verb text not null,
  args jsonb not null,
  deadline timestamptz not null,
  taken_at timestamptz,
  answer jsonb
);
create index link_commands_open on link_commands (line_id, id) where taken_at is null;
create index link_commands_age on link_commands (deadline);

create table vault (
  line_id uuid not null references lines,
  channel text not null,
  key text not null,
  value bytea not null,
  primary key (line_id, channel, key)
);

create table reachability (
  customer_id uuid not null,
  line_id uuid not null,
  channel text not null,
  handle text not null,
  answer text not null check (answer in ('yes', 'no')),
  checked_at timestamptz not null,
  primary key (customer_id, line_id, channel, handle)
);
create index reachability_age on reachability (checked_at);

create table conversations (
  customer_id uuid not null references customers,
  id uuid not null,
  line_id uuid not null,
  channel text not null,
  provider_chat_id text,
  -- The other person of a 1:1 conversation.
  handle text,
  is_group boolean not null,
  name text,
  participants jsonb not null,
  created_at timestamptz not null default gateway_now(),
  primary key (customer_id, id)
);
create unique index conversations_provider on conversations (customer_id, line_id, channel, provider_chat_id);
create index conversations_by_chat on conversations (customer_id, provider_chat_id);

create table messages (
  customer_id uuid not null,
  id uuid not null,
  direction text not null check (direction in ('outbound', 'inbound')),
  status text not null,
  line_id uuid not null,
  conversation_id uuid,
  -- Whom it goes to and in which order: see laneOf in model/conversation.ts. Null for inbound.
  lane text,
  channel text,
  from_address text,
  to_address text,
  content jsonb not null,
  metadata jsonb,
  route text[] not null,
  fallback_triggered boolean not null default false,
  provider_id text,
  error_code text,
  error_message text,
  idempotency_key text,
  fingerprint text,
  callback_url text,
  correlation_id text,
  retry_count int not null default 0,
  timeline jsonb not null,
  created_at timestamptz not null default gateway_now(),
  updated_at timestamptz not null default gateway_now(),
  scheduled_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  deleted_at timestamptz,
  primary key (customer_id, id)
);
create unique index messages_idempotency on messages (customer_id, idempotency_key) where idempotency_key is not null;
-- One index per filter, each ending in the id the cursor runs on.
create index messages_by_status on messages (customer_id, (case when status = 'unknown' then 'failed' else status end), id);
create index messages_by_to on messages (customer_id, to_address, id);
create index messages_by_from on messages (customer_id, from_address, id);
create index messages_by_channel on messages (customer_id, channel, id);
create index messages_by_conversation on messages (customer_id, conversation_id, id) where conversation_id is not null;
create index messages_by_direction on messages (customer_id, direction, id);

-- Which message a network means by its id. A receipt may come before the send that made the id has returned:
-- then it waits here, in `early`, and settling that send picks it up.
create table provider_ids (
  customer_id uuid not null,
  line_id uuid not null,
  channel text not null,
  direction text not null,
  provider_id text not null,
  message_id uuid,
  early jsonb not null default '[]',
  created_at timestamptz not null default gateway_now(),
  primary key (customer_id, line_id, channel, direction, provider_id)
);
create index provider_ids_waiting on provider_ids (created_at) where message_id is null;

-- What is still to be sent. `run` is the fence of the attempt that is under way, null when none is.
create table outbox (
  seq bigint generated always as identity primary key,
  customer_id uuid not null,
  line_id uuid not null,
  lane text not null,
  message_id uuid not null,
  due_at timestamptz not null,
  channel text not null,
  rest text[] not null,
  tries int not null default 0,
  confirming boolean not null default false,
  -- Until it is due, nothing behind it in its lane is sent either.
  holds boolean not null default false,
  -- An earlier try on this channel ended without anybody knowing how.
  doubtful boolean not null default false,
  run bigint,
  run_started_at timestamptz
);
create unique index outbox_message on outbox (customer_id, message_id);
create index outbox_order on outbox (customer_id, line_id, lane, seq);
create index outbox_due on outbox (customer_id, line_id, lane, due_at);
create index outbox_holding on outbox (customer_id, line_id, lane, seq) where holds;
alter table outbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- One row per ordering key that has work. Workers claim lanes, never rows.
create table lanes (
  customer_id uuid not null,
  line_id uuid not null,
  lane text not null,
  next_at timestamptz not null,
  hold_until timestamptz not null default '-infinity',
  lease_until timestamptz not null default '-infinity',
  fence bigint not null default 0,
  holder int,
  primary key (customer_id, line_id, lane)
);
create index lanes_due on lanes (customer_id, line_id, next_at);
create index lanes_held on lanes (holder) where holder is not null;
alter table lanes set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- Finished attempts, kept for a while: one partition a day, dropped by retention.
create table attempts (
  customer_id uuid not null,
  message_id uuid not null,
  number int not null,
  channel text not null,
  ref text not null,
  outcome text not null,
  code text,
  detail text,
  provider_id text,
  started_at timestamptz,
  ended_at timestamptz not null
) partition by range (ended_at);
create index attempts_message on attempts (customer_id, message_id);
create table attempts_default partition of attempts default;

-- The log. Ordered by transaction, then sequence: see events/log.ts.
create table events (
  customer_id uuid not null,
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null default nextval('event_order'),
  id uuid not null,
  type text not null,
  at timestamptz not null,
  correlation_id text,
  data jsonb not null
) partition by range (at);
create index events_order on events (customer_id, xid, seq);
create index events_id on events (customer_id, id);
create table events_default partition of events default;

-- How far each background reader of the log has come.
create table log_readers (name text primary key, xid xid8 not null, seq bigint not null);
create index events_all on events (xid, seq);

create table usage_daily (
  customer_id uuid not null,
  day date not null,
  event text not null,
  channel text not null,
  count bigint not null,
  primary key (customer_id, day, event, channel)
);
