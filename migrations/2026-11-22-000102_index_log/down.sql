DROP INDEX credit_entries_corrections_idx;
DROP INDEX webhook_deliveries_status_idx;
CREATE INDEX webhook_deliveries_unwell_idx ON webhook_deliveries (status, received_at) WHERE status NOT IN ('completed', 'ignored', 'stale');
DROP INDEX webhook_deliveries_type_idx;
