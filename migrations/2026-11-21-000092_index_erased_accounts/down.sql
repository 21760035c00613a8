DROP INDEX accounts_deleted_at_idx;
