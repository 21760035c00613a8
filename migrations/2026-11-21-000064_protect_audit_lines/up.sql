-- The addresses that are certain to be, or to have been, a person's: those that were proved, and that nobody else has now. Anybody can
-- sign up with anybody's address.
CREATE FUNCTION proved_addresses(person uuid) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT address
    FROM (
        SELECT lower(email) FROM users WHERE id = person AND email_verified_at IS NOT NULL
        -- Only what was proved is noted there.
        UNION
        SELECT lower(old_email) FROM email_changes WHERE user_id = person
    ) AS had (address)
    WHERE NOT EXISTS (SELECT FROM users WHERE lower(email) = address AND id <> person)
$$;

-- A person's id as the API and the log have it: `user_` and 26 digits of Crockford's base 32 for two zero bits and the 128 of the UUID.
CREATE FUNCTION user_name(person uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'user_' || string_agg(
        substr('0123456789abcdefghjkmnpqrstvwxyz', substring(bits FROM place FOR 5)::bit(5)::integer + 1, 1), '' ORDER BY place)
    FROM (SELECT B'00' || ('x' || replace(person::text, '-', ''))::bit(128) AS bits) AS number, generate_series(1, 126, 5) AS place
$$;

-- The setting alone opens little: lines that the person wrote, or that were written about somebody unknown who tried to be them, may
-- lose where they were and what they were called; lines by others that name the person, what they were called. No other line changes.
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person uuid := nullif(current_setting('fixpath.erased_person', true), '')::uuid;
    whom text;
    theirs boolean;
BEGIN
    IF TG_OP = 'DELETE' AND OLD.account_id::text = current_setting('fixpath.erased_account', true) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND person IS NOT NULL
        AND (NEW.id, NEW.account_id, NEW.actor_id, NEW.action, NEW.at)
            IS NOT DISTINCT FROM (OLD.id, OLD.account_id, OLD.actor_id, OLD.action, OLD.at)
    THEN
        whom := lower(split_part(OLD.subject, ' ', 1));
        theirs := coalesce(OLD.actor_id = person, whom = user_name(person), false);
        IF theirs
            AND coalesce(NEW.ip_address, OLD.ip_address) IS NOT DISTINCT FROM OLD.ip_address
            AND coalesce(NEW.user_agent, OLD.user_agent) IS NOT DISTINCT FROM OLD.user_agent
        THEN
            RETURN NEW;
        END IF;
        IF (NEW.ip_address, NEW.user_agent) IS NOT DISTINCT FROM (OLD.ip_address, OLD.user_agent)
            AND (whom = user_name(person) OR whom IN (SELECT proved_addresses(person)))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'lines of the audit log never change';
END $$;
