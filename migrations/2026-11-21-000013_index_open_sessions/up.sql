-- Idle sessions are looked for among the open ones. By their start, not by their last change: that would cost every step an entry.
CREATE INDEX sessions_open_idx ON sessions (started_at, id) WHERE status IN ('ACTIVE', 'PAUSED');
