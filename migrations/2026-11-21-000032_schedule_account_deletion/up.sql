-- An account is deleted in two steps: an owner asks for it, and a job does it a week later, unless an owner has changed their mind.
-- Its row stays, without a name: what the law keeps (payments) refers to it.

ALTER TABLE accounts
    ADD COLUMN deletes_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD CONSTRAINT accounts_deletion_order CHECK (deleted_at IS NULL OR deletes_at IS NOT NULL);

-- People who belonged to no other account go with it. Their row stays without anything that tells who they were: what they wrote in
-- accounts that they had left refers to it.
ALTER TABLE users
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT users_erased_deactivated CHECK (erased_at IS NULL OR deactivated_at IS NOT NULL);
