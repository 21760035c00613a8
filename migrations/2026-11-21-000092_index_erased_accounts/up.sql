-- Few, and asked for every hour: what came of them since.
CREATE INDEX accounts_deleted_at_idx ON accounts (id) WHERE deleted_at IS NOT NULL;
