DROP TABLE subscription_changes;
ALTER TABLE plan_prices DROP provider_archived_at;
ALTER TABLE plans DROP provider_revision;
ALTER TABLE checkouts DROP promotion_code, DROP cancel_url, DROP success_url, DROP plan_price_id;
