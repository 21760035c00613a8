-- How often the account was to become a customer at the payment provider, and the provider failed with an answer that it keeps for a day
-- under the request's key. It is part of the next key. (Small and constant: the table is not rewritten.)
ALTER TABLE accounts
    ADD COLUMN customer_attempt integer NOT NULL DEFAULT 0 CONSTRAINT accounts_customer_attempt_range CHECK (customer_attempt >= 0);
