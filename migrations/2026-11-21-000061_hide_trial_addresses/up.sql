-- Who had a trial is recognised by a digest of the mailbox: the table outlives accounts, and must not be a list of addresses. Without a
-- key, which would have to outlive every rotation: whoever has the table and an address can still ask, as support does.
ALTER TABLE trial_grants ADD mailbox bytea;
UPDATE trial_grants SET mailbox = sha256(convert_to(address, 'UTF8'));
ALTER TABLE trial_grants DROP COLUMN address;
ALTER TABLE trial_grants ADD CONSTRAINT trial_grants_pkey PRIMARY KEY (mailbox);
CREATE INDEX trial_grants_account_idx ON trial_grants (account_id);
