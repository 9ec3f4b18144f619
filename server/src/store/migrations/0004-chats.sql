-- Group pictures, and people who go by more than one name.

-- The name of the stored bytes; null when there is no picture, or somebody else has changed it.
alter table conversations add column photo text;

-- Whom a line knew by a name of the network's own before it told their number.
create table handle_aliases (
  customer_id uuid not null,
  line_id uuid not null,
  channel text not null,
  alias text not null,
  phone text not null,
  learned_at timestamptz not null default gateway_now(),
  primary key (customer_id, line_id, channel, alias)
);

-- The conversations in which somebody goes by such a name.
create index conversations_unresolved on conversations
  using gin (jsonb_path_query_array(participants, '$[*] ? (@.phoneKnown == false).handle') jsonb_path_ops);

-- One index per filter of the list, each ending in the id the cursor runs on.
create index conversations_by_channel on conversations (customer_id, channel, id);
create index conversations_by_kind on conversations (customer_id, is_group, id);
