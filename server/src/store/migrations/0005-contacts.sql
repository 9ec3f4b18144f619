-- The address book, and who wants to hear nothing more.

create table contacts (
  customer_id uuid not null references customers,
  id uuid not null,
  -- In E.164.
  phone_number text not null,
  -- In small letters.
  email text,
  first_name text,
  last_name text,
  company text,
  tags text[] not null default '{}',
  metadata jsonb not null default '{}',
  -- By housekeeping, from the log, so that no message pays for it.
  last_contacted_at timestamptz,
  created_at timestamptz not null default gateway_now(),
  updated_at timestamptz not null default gateway_now(),
  search text not null generated always as (lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' '
    || phone_number || ' ' || coalesce(email, '') || ' ' || coalesce(company, ''))) stored,
  primary key (customer_id, id)
);
create unique index contacts_phone on contacts (customer_id, phone_number);
create index contacts_email on contacts (customer_id, email) where email is not null;

-- One person, whatever a network calls them: the same rule as personOf in model/contact.ts.
create function gateway_person(handle text) returns text language sql immutable parallel safe
  return case
    when handle ~ '^[0-9]{2,15}(:[0-9]{1,5})?@(s\.whatsapp\.net|c\.us)$' then '+' || substring(handle from '^[0-9]+')
    else lower(handle)
  end;

create function gateway_people(participants jsonb) returns text[] language sql immutable parallel safe
  return (select array_agg(gateway_person(p ->> 'handle')) from jsonb_array_elements(participants) p);

create index conversations_people on conversations using gin (gateway_people(participants));

create function gateway_contact(customer uuid, person text) returns uuid language sql stable parallel safe
  return coalesce(
    (select id from contacts where customer_id = customer and phone_number = person),
    (select id from contacts where customer_id = customer and email = person order by id limit 1));

-- A roster in which everybody who is in the address book says so.
create function gateway_known(customer uuid, participants jsonb) returns jsonb language sql stable parallel safe
  return (select coalesce(jsonb_agg(p || jsonb_build_object('contactId', gateway_contact(customer, gateway_person(p ->> 'handle')))
    order by ord), '[]') from jsonb_array_elements(participants) with ordinality x(p, ord));

-- Whoever writes a roster waits for changes of the address book that are under way, and they for it: else a conversation
-- and a contact that are made at once would never learn of each other. Each line below sees what was there when it began.
create function gateway_known_now(customer uuid, participants jsonb) returns jsonb language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared(7331003, hashtext(customer::text));
  return gateway_known(customer, participants);
end
$$;

-- What somebody said last about being written to; whoever never said anything has no row.
create table opt_outs (
  customer_id uuid not null references customers,
  -- As gateway_person says it.
  address text not null,
  opted_out boolean not null,
  source text not null check (source in ('keyword', 'api')),
  channel text,
  changed_at timestamptz not null default gateway_now(),
  primary key (customer_id, address)
);
create index opt_outs_standing on opt_outs (customer_id, address) where opted_out;

-- Where keywords count, and where nothing is sent to those who opted out.
alter table customers add column opt_out_channels text[] not null default '{sms}';
