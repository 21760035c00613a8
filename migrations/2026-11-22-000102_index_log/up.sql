-- The log by type.
CREATE INDEX webhook_deliveries_type_idx ON webhook_deliveries (type, received_at, id);
-- And by any status but the common one: whatever is applied, as nearly everything is, still pays for no more than the index above.
DROP INDEX webhook_deliveries_unwell_idx;
CREATE INDEX webhook_deliveries_status_idx ON webhook_deliveries (status, received_at) WHERE status <> 'completed';

-- Few of an account's credits were corrected, and each correction counts those before it.
CREATE INDEX credit_entries_corrections_idx ON credit_entries (account_id) WHERE kind IN ('clawback', 'refund');
