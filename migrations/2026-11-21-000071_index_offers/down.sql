DROP INDEX sessions_outcome_idx;
DROP INDEX checkouts_tree_idx;
