-- Every process remembers trees' rows, and forgets one when it hears of a change (`db/remembered.rs`). Told here, since no writer can forget
-- it then. A session that starts only counts, which happens too often to tell: the count is never read from memory.
CREATE FUNCTION announce_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('fixpath', json_build_array(json_build_object('tree', json_build_array(OLD.account_id, OLD.id)))::text);
    RETURN NULL;
END $$;

CREATE TRIGGER trees_changed AFTER UPDATE ON trees
    FOR EACH ROW WHEN (OLD.session_count = NEW.session_count) EXECUTE FUNCTION announce_tree();
CREATE TRIGGER trees_deleted AFTER DELETE ON trees
    FOR EACH ROW EXECUTE FUNCTION announce_tree();
