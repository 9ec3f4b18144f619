-- Since when its network is asked what became of the last attempt, which nobody heard the end of; null when it is not asked.
alter table outbox add column asked_since timestamptz;
