ALTER TABLE subscriptions DROP COLUMN version_contested;
