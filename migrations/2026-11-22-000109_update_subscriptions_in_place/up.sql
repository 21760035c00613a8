-- Nothing looks for what is to be read again: a job does it. And `updated_at` changes with every delivery: while an index has it, none of
-- them can write the row in place, and each writes all of its indexes.
DROP INDEX subscriptions_refetch_idx;
