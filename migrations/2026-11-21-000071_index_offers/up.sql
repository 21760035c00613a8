-- Whether a payment page for a tree is open is asked before the tree is deleted.
CREATE INDEX checkouts_tree_idx ON checkouts (tree_account_id, tree_id) WHERE tree_id IS NOT NULL;

-- How often a tree's sessions end well is shown beside each tree on sale: from the index alone.
CREATE INDEX sessions_outcome_idx ON sessions (tree_account_id, tree_id) INCLUDE (outcome) WHERE status = 'COMPLETED';
