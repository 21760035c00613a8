-- People, the accounts they work for, and the devices they are signed in on. Small tables, without a tenant in their key.

CREATE TABLE users (
    id uuid CONSTRAINT users_pkey PRIMARY KEY,
    -- What support asks for on the phone.
    number bigint GENERATED ALWAYS AS IDENTITY (START 1001) CONSTRAINT users_number_key UNIQUE,
    email text NOT NULL CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    username text NOT NULL CONSTRAINT users_username_length CHECK (char_length(username) BETWEEN 3 AND 40),
    -- Argon2id in PHC form; null for people who sign in by other ways only.
    password_hash text,
    first_name text,
    last_name text,
    avatar_url text,
    email_verified_at timestamptz,
    -- The platform's own people.
    staff boolean NOT NULL DEFAULT false,
    deactivated_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- The database decides uniqueness, and case does not make a new person.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

CREATE TABLE accounts (
    id uuid CONSTRAINT accounts_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT accounts_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    -- A key of billing/plan.rs.
    plan text NOT NULL DEFAULT 'free' CONSTRAINT accounts_plan_known CHECK (plan IN ('free', 'enterprise')),
    created_at timestamptz NOT NULL
);

CREATE TABLE memberships (
    account_id uuid NOT NULL CONSTRAINT memberships_account_fkey REFERENCES accounts ON DELETE CASCADE,
    user_id uuid NOT NULL CONSTRAINT memberships_user_fkey REFERENCES users ON DELETE CASCADE,
    role text NOT NULL CONSTRAINT memberships_role_known CHECK (role IN ('owner', 'admin', 'engineer', 'technician')),
    created_at timestamptz NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (account_id, user_id)
);
CREATE INDEX memberships_user_idx ON memberships (user_id);

-- One row a device: all refresh tokens that follow from one another are its family.
CREATE TABLE sign_ins (
    id uuid CONSTRAINT sign_ins_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sign_ins_user_fkey REFERENCES users ON DELETE CASCADE,
    -- The account that its tokens speak for; switching changes it.
    account_id uuid NOT NULL CONSTRAINT sign_ins_account_fkey REFERENCES accounts ON DELETE CASCADE,
    user_agent text,
    ip_address text,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX sign_ins_user_idx ON sign_ins (user_id) WHERE ended_at IS NULL;

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token: who reads this table cannot sign in with it.
    hash bytea CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
    sign_in_id uuid NOT NULL CONSTRAINT refresh_tokens_sign_in_fkey REFERENCES sign_ins ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_sign_in_idx ON refresh_tokens (sign_in_id);
