ALTER TABLE subscription_changes DROP COLUMN refusals;
