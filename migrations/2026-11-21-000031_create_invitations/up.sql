-- Invitations into an account, sent by mail. An open one holds a seat.

CREATE TABLE invitations (
    id uuid CONSTRAINT invitations_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT invitations_account_fkey REFERENCES accounts ON DELETE CASCADE,
    email text NOT NULL CONSTRAINT invitations_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    -- Nobody becomes an owner by mail.
    role text NOT NULL CONSTRAINT invitations_role_known CHECK (role IN ('admin', 'engineer', 'technician')),
    invited_by uuid NOT NULL CONSTRAINT invitations_invited_by_fkey REFERENCES users,
    idempotency_key text,
    -- SHA-256 of the token: who reads this table cannot accept. Null until the mail that carries the token is made.
    token_hash bytea CONSTRAINT invitations_token_key UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- It was accepted or revoked.
    ended_at timestamptz,
    accepted_by uuid CONSTRAINT invitations_accepted_by_fkey REFERENCES users,
    CONSTRAINT invitations_idempotency_key UNIQUE (account_id, invited_by, idempotency_key)
);
-- At most one a mailbox. One that has expired is still in the way until the next invitation ends it.
CREATE UNIQUE INDEX invitations_open_key ON invitations (account_id, lower(email)) WHERE ended_at IS NULL;
