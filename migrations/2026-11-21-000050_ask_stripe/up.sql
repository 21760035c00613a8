-- What we ask of Stripe is written down before it is asked: its idempotency keys are made from these rows, and asking again asks the same.

-- A session's request is built from its row alone, whoever sends it.
ALTER TABLE checkouts
    ADD plan_price_id uuid CONSTRAINT checkouts_plan_price_fkey REFERENCES plan_prices,
    ADD success_url text,
    ADD cancel_url text,
    -- The provider's id.
    ADD promotion_code text;

-- The revision of the plan that the provider was told last.
ALTER TABLE plans ADD provider_revision integer;
-- A retired price is archived at the provider, once.
ALTER TABLE plan_prices ADD provider_archived_at timestamptz;

-- A change of a subscription that somebody has asked for.
CREATE TABLE subscription_changes (
    id uuid CONSTRAINT subscription_changes_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT subscription_changes_account_fkey REFERENCES accounts ON DELETE CASCADE,
    user_id uuid CONSTRAINT subscription_changes_user_fkey REFERENCES users ON DELETE SET NULL,
    -- The mutation's name.
    operation text NOT NULL,
    -- What was asked for: whoever repeats the key must ask for the same.
    terms text NOT NULL,
    -- The client's; the provider's keys are made from `id`.
    idempotency_key text,
    created_at timestamptz NOT NULL,
    -- Null: nobody knows yet whether the provider has done it.
    finished_at timestamptz
);
CREATE UNIQUE INDEX subscription_changes_idempotency_key ON subscription_changes (account_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX subscription_changes_account_idx ON subscription_changes (account_id, created_at);
CREATE INDEX subscription_changes_user_idx ON subscription_changes (user_id);
