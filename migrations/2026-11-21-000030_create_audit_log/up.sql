-- Who did what, to be read by owners and by the platform's staff. Lines are added, in the transaction that changes what they tell
-- of, and never changed.

CREATE TABLE audit_entries (
    id uuid CONSTRAINT audit_entries_pkey PRIMARY KEY,
    -- Null: no account's matter, such as a sign-in with a login that nobody has.
    account_id uuid CONSTRAINT audit_entries_account_fkey REFERENCES accounts,
    -- Null: nobody known, or the platform itself.
    actor_id uuid CONSTRAINT audit_entries_actor_fkey REFERENCES users,
    -- An open set: each operation that is worth a line names itself.
    action text NOT NULL CONSTRAINT audit_entries_action_length CHECK (char_length(action) BETWEEN 1 AND 100),
    subject text,
    ip_address text,
    user_agent text,
    at timestamptz NOT NULL
);
CREATE INDEX audit_entries_account_idx ON audit_entries (account_id, at, id);
CREATE INDEX audit_entries_at_idx ON audit_entries (at, id);

-- A line goes only with the account whose line it is: the transaction that erases an account names it first,
-- by `SET LOCAL fixpath.erased_account = '…'`.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.account_id::text = current_setting('fixpath.erased_account', true) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'lines of the audit log never change';
END $$;
CREATE TRIGGER audit_entries_never_change BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_never_vanish BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
