-- What is told once, and what is told to nobody.

-- What was told lately, by a hash of what it is known by: the same news may come from a caller and as its echo from the
-- network, and networks tell at least once.
create table recent_events (
  customer_id uuid not null,
  key bytea not null,
  origin text not null check (origin in ('caller', 'network')),
  expires_at timestamptz not null,
  primary key (customer_id, key)
);
create index recent_events_age on recent_events (expires_at);

-- Somebody's one-time code: kept, but shown in no list, under no id and in no event.
alter table messages add column withheld boolean not null default false;
alter table provider_ids add column withheld boolean not null default false;
