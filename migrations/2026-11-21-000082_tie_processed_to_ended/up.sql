-- Whether a delivery is decided is told by `processed_at` alone: erasing an account asks for it, and must not take what was never entered.
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_processed_when_decided
    CHECK ((processed_at IS NOT NULL) = (status IN ('completed', 'ignored', 'stale', 'tombstone')));
