ALTER TABLE checkouts DROP COLUMN provider_customer_id;
