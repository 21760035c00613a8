-- What is left of somebody elsewhere when they are erased. The transaction that erases a person names them by
-- `SET LOCAL fixpath.erased_person = '…'`; then lines of the audit log that stay may lose where the person was and by what they were
-- called. Who did what and when stays as it was, and so does every line otherwise.
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.account_id::text = current_setting('fixpath.erased_account', true) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('fixpath.erased_person', true) <> ''
        AND (NEW.id, NEW.account_id, NEW.actor_id, NEW.action, NEW.at)
            IS NOT DISTINCT FROM (OLD.id, OLD.account_id, OLD.actor_id, OLD.action, OLD.at)
        AND coalesce(NEW.ip_address, OLD.ip_address) IS NOT DISTINCT FROM OLD.ip_address
        AND coalesce(NEW.user_agent, OLD.user_agent) IS NOT DISTINCT FROM OLD.user_agent
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'lines of the audit log never change';
END $$;

-- By whom a line is, and whom it names: an id or an address comes first.
CREATE INDEX audit_entries_actor_idx ON audit_entries (actor_id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_subject_idx ON audit_entries (lower(split_part(subject, ' ', 1))) WHERE subject IS NOT NULL;
-- Deliveries that were placed nowhere still name their customer.
CREATE INDEX webhook_deliveries_customer_idx ON webhook_deliveries (provider_customer_id) WHERE account_id IS NULL;
