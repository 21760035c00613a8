-- Whom the payment page is for, at the provider: an account may have more than one customer there, and one of them may be deleted.
ALTER TABLE checkouts ADD COLUMN provider_customer_id text;
