DROP INDEX webhook_deliveries_parked_idx;
CREATE INDEX webhook_deliveries_parked_idx ON webhook_deliveries (parked_under) WHERE status = 'parked';
