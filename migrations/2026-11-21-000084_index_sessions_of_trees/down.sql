DROP INDEX sessions_of_tree_idx;
