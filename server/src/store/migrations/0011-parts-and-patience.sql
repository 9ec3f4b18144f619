-- A message that went out as several: each part has its row, which names all of them, and the message is delivered when all are.
alter table provider_ids add column parts text[];
alter table provider_ids add column delivered boolean not null default false;

-- So many of its tries were only told to wait, and count for none.
alter table outbox add column waits int not null default 0;

-- A number may reach one network through one provider and another network through another: what stands here for a channel
-- counts for it in the place of the line's own provider, URL and secret.
alter table lines add column channel_providers jsonb not null default '{}';
