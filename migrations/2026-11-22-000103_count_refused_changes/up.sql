-- How many tries of this change the payment provider has refused: it keeps a refusal for a day under the request's key, so that this is
-- part of the next key. (Small and constant: the table is not rewritten.)
ALTER TABLE subscription_changes
    ADD COLUMN refusals integer NOT NULL DEFAULT 0 CONSTRAINT subscription_changes_refusals_range CHECK (refusals >= 0);
