-- Addresses that people want to have and have not proved yet. They are in nobody's way: the same one may stand here twice, and beside a
-- user who has it. Expired rows are deleted every night.
CREATE TABLE pending_emails (
    -- One a person: only the latest counts.
    user_id uuid CONSTRAINT pending_emails_pkey PRIMARY KEY CONSTRAINT pending_emails_user_fkey REFERENCES users ON DELETE CASCADE,
    -- Another one for each that is asked for: the mail of one that was replaced is not sent.
    id uuid NOT NULL CONSTRAINT pending_emails_id_key UNIQUE,
    email text NOT NULL,
    -- SHA-256 of the token; null until the mail is made.
    hash bytea CONSTRAINT pending_emails_hash_key UNIQUE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX pending_emails_expiry_idx ON pending_emails (expires_at);
