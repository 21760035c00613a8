-- Which subscription at the payment provider a change is made to, and how, noted before the provider is asked: whoever repeats the key is
-- about to do the same, or nothing. (Nullable and without a default: the table is not rewritten.)
ALTER TABLE subscription_changes
    ADD COLUMN provider_subscription_id text,
    ADD COLUMN course text CONSTRAINT subscription_changes_course_known CHECK (course IN ('taken_back', 'now', 'at_period_end'));
