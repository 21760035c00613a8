DROP INDEX webhook_deliveries_customer_idx;
DROP INDEX audit_entries_subject_idx;
DROP INDEX audit_entries_actor_idx;
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.account_id::text = current_setting('fixpath.erased_account', true) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'lines of the audit log never change';
END $$;
