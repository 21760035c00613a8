ALTER TABLE webhook_deliveries ALTER COLUMN payload SET COMPRESSION default;
ALTER TABLE subscriptions ALTER COLUMN raw SET COMPRESSION default;
