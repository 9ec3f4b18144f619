-- Who of a group has a message and who has read it. By the network's id of the message, so that a receipt
-- that comes before the send is answered finds its place too.
create table group_receipts (
  customer_id uuid not null,
  line_id uuid not null,
  channel text not null,
  provider_id text not null,
  handle text not null,
  delivered_at timestamptz,
  read_at timestamptz,
  primary key (customer_id, line_id, channel, provider_id, handle)
);
