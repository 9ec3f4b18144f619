-- What is known of a group besides what it is: whether anybody has told, whether we are in it, and what changed lately.
-- Columns without a default that is computed, so that no row is written again.
alter table conversations
  add column unheard boolean not null default false,
  add column absent boolean not null default false,
  add column recent jsonb;

-- Groups that we wrote to first, and of which only their own messages would have told.
update conversations set unheard = true where is_group and participants = '[]';
