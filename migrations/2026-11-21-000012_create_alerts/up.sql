-- What needs somebody's attention: one row for each time that a condition arose, open until it cleared.
CREATE TABLE alerts (
    id uuid CONSTRAINT alerts_pkey PRIMARY KEY,
    kind text NOT NULL,
    -- Which job, account, … is concerned.
    subject text NOT NULL,
    message text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
-- A condition that lasts is told once.
CREATE UNIQUE INDEX alerts_open_key ON alerts (kind, subject) WHERE closed_at IS NULL;
CREATE INDEX alerts_opened_at_idx ON alerts (opened_at, id);
