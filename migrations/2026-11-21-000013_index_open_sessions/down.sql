DROP INDEX sessions_open_idx;
