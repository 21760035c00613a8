-- What people are mailed to prove that an address is theirs. Small tables; expired rows are deleted every night.

CREATE TABLE email_tokens (
    user_id uuid NOT NULL CONSTRAINT email_tokens_user_fkey REFERENCES users ON DELETE CASCADE,
    purpose text NOT NULL CONSTRAINT email_tokens_purpose_known CHECK (purpose IN ('verify_email', 'reset_password')),
    -- SHA-256 of the token: who reads this table cannot use it.
    hash bytea NOT NULL CONSTRAINT email_tokens_hash_key UNIQUE,
    -- Where it was sent: it counts only while this is the person's address.
    email text NOT NULL,
    expires_at timestamptz NOT NULL,
    -- One a person and purpose: only the latest counts.
    CONSTRAINT email_tokens_pkey PRIMARY KEY (user_id, purpose)
);
CREATE INDEX email_tokens_expiry_idx ON email_tokens (expires_at);

CREATE TABLE sign_in_codes (
    -- One a person: only the latest counts.
    user_id uuid CONSTRAINT sign_in_codes_pkey PRIMARY KEY CONSTRAINT sign_in_codes_user_fkey REFERENCES users ON DELETE CASCADE,
    email text NOT NULL,
    -- Argon2id: six digits are quickly guessed where a hash is cheap.
    hash text NOT NULL,
    tries smallint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    -- How many codes the person was sent since when: whoever may ask for codes without end may guess without end.
    made smallint NOT NULL DEFAULT 1,
    made_since timestamptz NOT NULL
);
CREATE INDEX sign_in_codes_made_idx ON sign_in_codes (made_since);

-- The mail that tells of a change goes to the address that was left.
CREATE TABLE email_changes (
    id uuid CONSTRAINT email_changes_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT email_changes_user_fkey REFERENCES users ON DELETE CASCADE,
    old_email text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX email_changes_user_idx ON email_changes (user_id);
CREATE INDEX email_changes_changed_idx ON email_changes (changed_at);
