-- Webhooks: who is told, what is still to be told, what became of it, and the jobs that tell again.

-- A UUID v7 of the database's own: ids made in one statement sort by time like those that processes mint.
create function gateway_uuid() returns uuid language sql volatile parallel safe as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from gateway_now()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

alter table customers add column callback_secrets bytea, add column callback_rotated_at timestamptz;

-- `callback` rows stand for the origins that messages' callback URLs name: they have a breaker and a worker like any other.
create table webhooks (
  customer_id uuid not null references customers,
  id uuid not null,
  kind text not null default 'webhook' check (kind in ('webhook', 'callback')),
  name text,
  url text not null,
  events text[] not null default '{}',
  dialect text not null default 'textbubbles',
  ordered boolean not null default false,
  -- Sealed, all generations of its keys. A callback signs with its customer's instead.
  secrets bytea,
  public_key text,
  active boolean not null default true,
  deactivated text check (deactivated in ('exhausted', 'gone')),
  created_at timestamptz not null default gateway_now(),
  updated_at timestamptz not null default gateway_now(),
  removed_at timestamptz,
  -- How it fares: chains in a row that failed to the end; how often in a row the breaker opened, and until when.
  exhausted int not null default 0,
  opened int not null default 0,
  open_until timestamptz not null default '-infinity',
  -- One process at a time delivers to it; `fence` rises with each holder.
  holder int,
  fence bigint not null default 0,
  lease_until timestamptz not null default '-infinity',
  primary key (customer_id, id)
);
create unique index webhooks_id on webhooks (id);
create index webhooks_listening on webhooks (customer_id) where active and removed_at is null and kind = 'webhook';
create index webhooks_held on webhooks (holder) where holder is not null;

-- One row per event and webhook that is to hear of it, written with the event, gone with the outcome.
create table webhook_queue (
  customer_id uuid not null,
  webhook_id uuid not null,
  id uuid not null default gateway_uuid(),
  xid xid8 not null default pg_current_xact_id(),
  seq bigint generated always as identity,
  event_id uuid not null,
  event_type text not null,
  event_at timestamptz not null,
  -- What it must not overtake: the earlier events of its message, or of its conversation.
  lane text,
  -- Until then the ones behind it in its lane wait for it.
  holds_until timestamptz not null default '-infinity',
  -- Tells a status: not worth telling any more once a later one has arrived.
  is_status boolean not null default false,
  -- Only for a callback; otherwise it is the webhook's.
  url text,
  attempts int not null default 0,
  tries int not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null default gateway_now(),
  primary key (webhook_id, id)
);
create unique index webhook_queue_event on webhook_queue (webhook_id, event_id);
create index webhook_queue_due on webhook_queue (webhook_id, due_at, seq);
create index webhook_queue_lane on webhook_queue (webhook_id, lane, xid, seq) where lane is not null;
alter table webhook_queue set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- Deliveries that have ended, each with its last attempt; one partition a day, dropped by retention.
create table webhook_log (
  customer_id uuid not null,
  webhook_id uuid not null,
  id uuid not null,
  event_id uuid not null,
  event_type text not null,
  event_at timestamptz not null,
  lane text,
  is_status boolean not null,
  url text,
  status text not null check (status in ('delivered', 'failed', 'superseded', 'cancelled')),
  attempts int not null,
  created_at timestamptz not null,
  ended_at timestamptz not null,
  attempt_at timestamptz,
  duration_ms int,
  response_status int,
  response_excerpt text,
  error text
) partition by range (ended_at);
create index webhook_log_status on webhook_log (webhook_id, status, id);
create table webhook_log_default partition of webhook_log default;

-- The attempts before the last one.
create table webhook_attempts (
  customer_id uuid not null,
  webhook_id uuid not null,
  delivery_id uuid not null,
  number int not null,
  at timestamptz not null,
  duration_ms int not null,
  response_status int,
  response_excerpt text,
  error text
) partition by range (at);
create index webhook_attempts_delivery on webhook_attempts (webhook_id, delivery_id, number);
create table webhook_attempts_default partition of webhook_attempts default;

create table webhook_jobs (
  customer_id uuid not null,
  id uuid not null,
  webhook_id uuid not null,
  kind text not null check (kind in ('recover', 'replay')),
  since timestamptz not null,
  until timestamptz not null,
  events text[],
  status text not null default 'running' check (status in ('running', 'done', 'cancelled')),
  reached_at timestamptz not null,
  -- The last row that was looked at, in the order the job goes by.
  reached_xid xid8 not null default '0',
  reached_seq bigint not null default 0,
  reached_id uuid,
  scanned bigint not null default 0,
  queued bigint not null default 0,
  created_at timestamptz not null default gateway_now(),
  ended_at timestamptz,
  primary key (customer_id, id)
);
create index webhook_jobs_webhook on webhook_jobs (webhook_id, id);
create index webhook_jobs_running on webhook_jobs (id) where status = 'running';
