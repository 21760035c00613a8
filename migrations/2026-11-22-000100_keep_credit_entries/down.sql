DROP TRIGGER credit_entries_never_vanish ON credit_entries;
DROP TRIGGER credit_entries_never_change ON credit_entries;
DROP FUNCTION refuse_credit_change();
CREATE TRIGGER credit_entries_never_change BEFORE UPDATE ON credit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
