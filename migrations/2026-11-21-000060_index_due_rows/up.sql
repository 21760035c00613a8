-- What waits to be erased, and what has expired, is found by its day.
CREATE INDEX accounts_deletes_at_idx ON accounts (deletes_at) WHERE deletes_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX invitations_expires_at_idx ON invitations (expires_at);
