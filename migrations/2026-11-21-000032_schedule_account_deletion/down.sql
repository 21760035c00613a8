ALTER TABLE accounts
    DROP COLUMN deletes_at,
    DROP COLUMN deleted_at;
ALTER TABLE users DROP COLUMN erased_at;
