-- When the provider's latest word on a product or a price was true, in its time: what is sent again comes late, and says what was so before.
ALTER TABLE plans ADD COLUMN provider_told_at timestamptz;
ALTER TABLE plan_prices ADD COLUMN provider_told_at timestamptz;
