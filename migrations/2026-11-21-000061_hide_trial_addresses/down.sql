-- A digest cannot be read back: who had a trial keeps it, under a name that no address has.
DROP INDEX trial_grants_account_idx;
ALTER TABLE trial_grants RENAME TO trial_digests;
ALTER TABLE trial_digests DROP CONSTRAINT trial_grants_pkey, DROP CONSTRAINT trial_grants_account_fkey;
CREATE TABLE trial_grants (
    address text CONSTRAINT trial_grants_pkey PRIMARY KEY,
    account_id uuid CONSTRAINT trial_grants_account_fkey REFERENCES accounts ON DELETE SET NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO trial_grants SELECT encode(mailbox, 'hex'), account_id, created_at FROM trial_digests;
DROP TABLE trial_digests;
