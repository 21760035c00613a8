-- Walks through published trees. A session's row is a cache of the fold over its steps, and changes with them in one statement.

CREATE TABLE sessions (
    account_id uuid NOT NULL CONSTRAINT sessions_account_fkey REFERENCES accounts ON DELETE CASCADE,
    id uuid NOT NULL,
    -- A bought tree stays its seller's, hence an account of its own and no foreign key.
    tree_account_id uuid NOT NULL,
    tree_id uuid NOT NULL,
    version_id uuid NOT NULL,
    subject text,
    assignee_id uuid NOT NULL CONSTRAINT sessions_assignee_fkey REFERENCES users,
    started_by uuid NOT NULL CONSTRAINT sessions_started_by_fkey REFERENCES users,
    idempotency_key text,
    status text NOT NULL CONSTRAINT sessions_status_known CHECK (status IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'ABANDONED')),
    outcome text CONSTRAINT sessions_outcome_known CHECK (outcome IN ('resolved', 'escalated', 'unresolved')),
    -- Where it stands: the fold's result. `json`, so that variables keep their order.
    state json NOT NULL,
    -- The number of steps.
    revision integer NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT sessions_idempotency_key UNIQUE (account_id, started_by, idempotency_key)
);
CREATE INDEX sessions_started_at_idx ON sessions (account_id, started_at, id);
CREATE INDEX sessions_assignee_idx ON sessions (account_id, assignee_id, started_at, id);
CREATE INDEX sessions_tree_idx ON sessions (tree_account_id, tree_id);

CREATE TABLE session_steps (
    account_id uuid NOT NULL,
    session_id uuid NOT NULL,
    -- 1, 2, 3…: two writers that take the same number collide here, and one of them is told.
    seq integer NOT NULL,
    kind text NOT NULL,
    -- The version in which node_key lives: a subtree's nodes belong to the callee.
    version_id uuid NOT NULL,
    node_key text NOT NULL,
    option_key text,
    value json,
    note text,
    -- What only some kinds record: what a session started with, who takes over, how it was completed.
    detail json NOT NULL,
    -- UNDONE: the walk is again as it was after this step.
    to_seq integer,
    by_user uuid NOT NULL CONSTRAINT session_steps_by_user_fkey REFERENCES users,
    at timestamptz NOT NULL,
    active_ms bigint NOT NULL,
    CONSTRAINT session_steps_pkey PRIMARY KEY (account_id, session_id, seq),
    CONSTRAINT session_steps_session_fkey FOREIGN KEY (account_id, session_id) REFERENCES sessions (account_id, id) ON DELETE CASCADE
);
CREATE TRIGGER session_steps_never_change BEFORE UPDATE ON session_steps FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- How many sessions an account has started in a month, counted where a plan's limit can be checked without a race.
CREATE TABLE session_usage (
    account_id uuid NOT NULL CONSTRAINT session_usage_account_fkey REFERENCES accounts ON DELETE CASCADE,
    month date NOT NULL,
    started integer NOT NULL,
    CONSTRAINT session_usage_pkey PRIMARY KEY (account_id, month)
);
