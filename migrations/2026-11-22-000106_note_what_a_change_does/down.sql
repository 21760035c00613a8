ALTER TABLE subscription_changes DROP COLUMN provider_subscription_id, DROP COLUMN course;
