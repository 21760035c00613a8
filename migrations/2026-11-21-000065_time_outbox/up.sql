-- Since when a job waits here: nothing else tells that nobody moves them on.
ALTER TABLE outbox ADD COLUMN put_at timestamptz NOT NULL DEFAULT now();
