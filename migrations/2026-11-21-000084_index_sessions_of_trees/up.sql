-- A list of one tree's sessions looks at these only, and not at all of the account's.
CREATE INDEX sessions_of_tree_idx ON sessions (account_id, tree_id, started_at, id);
