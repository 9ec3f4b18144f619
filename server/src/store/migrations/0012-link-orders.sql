-- By channel: {stopped, round}. Stopped names the reason for which that link is to stay down, or is null; the round grows with each order.
alter table lines add column link_orders jsonb not null default '{}';

-- The round is that of the order under which the link last said anything. The identity is that of the last pairing that still counts, the
-- reason that of the last end since it was connected.
alter table links add column round int not null default 0;
alter table links add column connected_at timestamptz;
alter table links add column disconnected_at timestamptz;
alter table links add column identity text;
alter table links add column reason text;
update links set connected_at = (state ->> 'since')::timestamptz, identity = state ->> 'identity' where state ->> 'status' = 'connected';
update links set reason = state ->> 'reason' where state ->> 'status' = 'disconnected';

-- The few sign-up codes among all that came in.
create index messages_sign_up on messages (customer_id, line_id, created_at)
  where direction = 'inbound' and metadata #>> '{otp,provider}' = 'whatsapp';
