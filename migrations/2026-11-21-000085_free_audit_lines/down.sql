ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_account_fkey FOREIGN KEY (account_id) REFERENCES accounts;
