-- An entry goes only with its account: when that is erased, which leaves its row, or if the row itself should go. (The release before deletes
-- the entries first, and then says that the account is erased: of one that is about to go, they may.)
CREATE FUNCTION refuse_credit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (
        SELECT FROM accounts WHERE id = OLD.account_id AND deleted_at IS NULL AND deletes_at IS NULL
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of credit_entries never change, and go only with their account';
END $$;
DROP TRIGGER credit_entries_never_change ON credit_entries;
CREATE TRIGGER credit_entries_never_change BEFORE UPDATE OR DELETE ON credit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_credit_change();
CREATE TRIGGER credit_entries_never_vanish BEFORE TRUNCATE ON credit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_credit_change();
