-- What a group shows: {mark, hash, mimeType}, the name of its network for it and the file. The column was never written.
alter table conversations drop column photo;
alter table conversations add column photo jsonb;

-- A file that is shown stays, however old it is.
create index conversations_photo on conversations (customer_id, (photo ->> 'hash')) where photo is not null;
