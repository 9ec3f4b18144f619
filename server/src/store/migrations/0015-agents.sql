-- Agents that answer on WhatsApp: who they are, where they work, what is to be answered, and the chats in which they do.

create table agents (
  customer_id uuid not null references customers,
  id uuid not null,
  name text not null,
  system_prompt text not null,
  base_url text not null,
  model text not null,
  -- Sealed.
  api_key bytea,
  key_end text,
  manner jsonb not null,
  created_at timestamptz not null default gateway_now(),
  updated_at timestamptz not null default gateway_now(),
  primary key (customer_id, id)
);

create table agent_sessions (
  customer_id uuid not null,
  line_id uuid not null,
  agent_id uuid not null,
  is_active boolean not null,
  is_default boolean not null,
  primary key (customer_id, line_id, agent_id),
  foreign key (customer_id, agent_id) references agents on delete cascade
);
create index agent_sessions_agent on agent_sessions (customer_id, agent_id);
-- The one that answers on a line; also what every text that comes in by WhatsApp is held against.
create unique index agent_sessions_default on agent_sessions (customer_id, line_id) where is_default;

-- One row for each message that an agent may have to answer, written with the message itself.
create table agent_turns (
  customer_id uuid not null,
  message_id uuid not null,
  agent_id uuid not null,
  line_id uuid not null,
  conversation_id uuid not null,
  said_at timestamptz not null,
  state text not null default 'pending' check (state in ('pending', 'working', 'done', 'failed', 'skipped')),
  reason text,
  attempts int not null default 0,
  tokens int not null default 0,
  -- What the model said, from before it is sent until it is: a process that takes over sends this and asks for nothing new.
  reply text,
  reply_id uuid,
  created_at timestamptz not null default gateway_now(),
  ended_at timestamptz,
  primary key (customer_id, message_id)
);
create index agent_turns_open on agent_turns (customer_id, conversation_id, message_id) where ended_at is null;
create index agent_turns_chat on agent_turns (customer_id, conversation_id, ended_at) where reply_id is not null;
create index agent_turns_spent on agent_turns (customer_id, agent_id, ended_at) where tokens > 0 or reply_id is not null;
create index agent_turns_log on agent_turns (customer_id, agent_id, message_id);
create index agent_turns_age on agent_turns (ended_at) where ended_at is not null;

-- One row per chat in which an agent has had anything to do: workers claim chats, so that each has one answer at a time.
create table agent_chats (
  customer_id uuid not null,
  conversation_id uuid not null,
  line_id uuid not null,
  -- Null: nothing waits. `since` says how long something does, `not_before` that the model's server asked for patience.
  due_at timestamptz,
  since timestamptz,
  not_before timestamptz not null default '-infinity',
  lease_until timestamptz not null default '-infinity',
  fence bigint not null default 0,
  holder int,
  paused_until timestamptz,
  paused_why text check (paused_why in ('by_hand', 'handover', 'stopped', 'loop')),
  -- What was written by hand before this silences nobody any more.
  resumed_at timestamptz not null default '-infinity',
  primary key (customer_id, conversation_id)
);
create index agent_chats_due on agent_chats (due_at) where due_at is not null;
create index agent_chats_held on agent_chats (holder) where holder is not null;
create index agent_chats_paused on agent_chats (customer_id, paused_until) where paused_until is not null;
