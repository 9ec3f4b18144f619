-- Made by its customer, without a number: the phone it is paired with gives it one, and its customer may remove it.
alter table lines add column own boolean not null default false;

-- Of those that no phone was paired with yet a customer may have a few.
create index lines_unpaired on lines (customer_id) where own and address is null and removed_at is null;
