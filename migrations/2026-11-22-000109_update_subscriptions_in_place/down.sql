CREATE INDEX subscriptions_refetch_idx ON subscriptions (updated_at) WHERE needs_refetch;
