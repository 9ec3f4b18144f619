-- Files by their content, per customer: the row is written before the bytes are placed and goes after they are removed.
create table files (
  customer_id uuid not null,
  hash text not null,
  bytes bigint not null,
  mime_type text not null,
  -- What was found in it: codecs, length, size of the picture.
  facts jsonb not null default '{}',
  kept_until timestamptz not null,
  -- Its bytes are being removed: whoever wants to keep the same file waits until then.
  removing_until timestamptz,
  created_at timestamptz not null default gateway_now(),
  primary key (customer_id, hash)
);
create index files_kept on files (kept_until);

-- What became of a file for a channel, so that a retry, a fallback or the next recipient need not wait for it again.
create table file_forms (
  customer_id uuid not null,
  hash text not null,
  form text not null,
  made text not null,
  facts jsonb not null default '{}',
  primary key (customer_id, hash, form),
  foreign key (customer_id, hash) references files on delete cascade,
  foreign key (customer_id, made) references files on delete cascade
);
create index file_forms_made on file_forms (customer_id, made);

-- What a URL in a message led to when it was first fetched: a later try sends the same bytes.
create table message_files (
  customer_id uuid not null,
  message_id uuid not null,
  attachment_id text not null,
  hash text not null,
  primary key (customer_id, message_id, attachment_id),
  foreign key (customer_id, hash) references files on delete cascade
);
create index message_files_hash on message_files (customer_id, hash);
