DROP INDEX invitations_expires_at_idx;
DROP INDEX accounts_deletes_at_idx;
