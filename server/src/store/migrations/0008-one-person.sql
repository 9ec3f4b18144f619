-- One person is one conversation of two and one choice, under whatever names; rosters are found within one customer.

-- The index at the end is built from all rosters there are, for which nobody has to hurry.
set local statement_timeout = 0;

-- The conversation this one has become part of: its messages are there, and its names lead there.
alter table conversations add column joined_into uuid;
create index conversations_joined on conversations (customer_id, joined_into) where joined_into is not null;
create index conversations_of_person on conversations (customer_id, handle) where not is_group and joined_into is null;
create index handle_aliases_phone on handle_aliases (customer_id, phone);

-- Those whose number came out before this.
update conversations set handle = participants #>> '{0,handle}'
  where not is_group and handle is distinct from participants #>> '{0,handle}' and participants #>> '{0,handle}' is not null;

update conversations c set joined_into = first.id
  from (
    select distinct on (k.customer_id, k.line_id, k.channel, k.handle) k.customer_id, k.line_id, k.channel, k.handle, k.id
    from conversations k where not k.is_group and exists (select from handle_aliases a where a.customer_id = k.customer_id
      and a.phone = k.handle and a.line_id = k.line_id and a.channel = k.channel)
    order by k.customer_id, k.line_id, k.channel, k.handle, k.id
  ) first
  where c.customer_id = first.customer_id and c.line_id = first.line_id and c.channel = first.channel
    and c.handle = first.handle and not c.is_group and c.id <> first.id;

update messages m set conversation_id = c.joined_into from conversations c
  where c.joined_into is not null and m.customer_id = c.customer_id and m.conversation_id = c.id;

-- What somebody said last counts under all their names.
with names as (
  select distinct a.customer_id, a.phone, n.address
  from handle_aliases a cross join lateral (values (a.phone), (a.alias)) n(address)
), last as (
  select distinct on (n.customer_id, n.phone) n.customer_id, n.phone, o.opted_out, o.source, o.channel, o.changed_at
  from names n join opt_outs o on o.customer_id = n.customer_id and o.address = n.address
  order by n.customer_id, n.phone, o.changed_at desc, o.opted_out desc
)
insert into opt_outs as o (customer_id, address, opted_out, source, channel, changed_at)
select distinct on (n.customer_id, n.address) n.customer_id, n.address, l.opted_out, l.source, l.channel, l.changed_at
from names n join last l on l.customer_id = n.customer_id and l.phone = n.phone
order by n.customer_id, n.address, l.changed_at desc
on conflict (customer_id, address) do update set opted_out = excluded.opted_out, source = excluded.source,
  channel = excluded.channel, changed_at = excluded.changed_at where o.changed_at < excluded.changed_at;

-- Each entry begins with the customer: somebody whom thousands know costs each of them their own conversations only.
create function gateway_people_of(customer uuid, participants jsonb) returns text[] language sql immutable parallel safe
  return (select array_agg(customer::text || '/' || gateway_person(p ->> 'handle')) from jsonb_array_elements(participants) p);

create index conversations_people_of on conversations using gin (gateway_people_of(customer_id, participants));
drop index conversations_people;
