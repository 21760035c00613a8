-- Each delivery writes two texts of several KB, and compressing them was an eighth of what it cost PostgreSQL. lz4 takes a fraction of
-- pglz's time; a server that was built without it goes on as before.
DO $$
BEGIN
    ALTER TABLE webhook_deliveries ALTER COLUMN payload SET COMPRESSION lz4;
    ALTER TABLE subscriptions ALTER COLUMN raw SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported THEN NULL;
END $$;
