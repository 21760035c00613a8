-- Also what has waited in vain, and is dead: it goes on if what it has waited for appears after all.
DROP INDEX webhook_deliveries_parked_idx;
CREATE INDEX webhook_deliveries_parked_idx ON webhook_deliveries (parked_under) WHERE parked_under IS NOT NULL;
