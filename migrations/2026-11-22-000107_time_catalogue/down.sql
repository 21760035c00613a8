ALTER TABLE plan_prices DROP COLUMN provider_told_at;
ALTER TABLE plans DROP COLUMN provider_told_at;
