-- Jobs of hot paths. Putting one into the queue itself announces it, which makes all commits of the database wait in one line; this
-- announces nothing, and a worker moves many over at once.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
    job json NOT NULL,
    max_attempts integer NOT NULL,
    -- Null: at once.
    run_at timestamptz
);
