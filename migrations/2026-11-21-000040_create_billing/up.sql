-- Plans, what accounts pay for them, and what Stripe has told us. Small tables: none refers to a bulk one.

-- ── plans ───────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE plans (
    id uuid CONSTRAINT plans_pkey PRIMARY KEY,
    key text NOT NULL CONSTRAINT plans_key_key UNIQUE CONSTRAINT plans_key_form CHECK (key ~ '^[a-z][a-z0-9_-]{0,39}$'),
    name text NOT NULL CONSTRAINT plans_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    description text,
    tier text NOT NULL CONSTRAINT plans_tier_known CHECK (tier IN ('free', 'starter', 'pro', 'enterprise')),
    trial_days integer NOT NULL DEFAULT 0 CONSTRAINT plans_trial_days_range CHECK (trial_days BETWEEN 0 AND 730),
    -- A plan that is not on sale stays with those who have it.
    on_sale boolean NOT NULL DEFAULT true,
    revision integer NOT NULL DEFAULT 1,
    provider_product_id text CONSTRAINT plans_provider_product_key UNIQUE,
    -- What was changed at the provider behind our back, in one sentence.
    provider_note text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- A changed amount is a new row, and the old one is retired: who subscribed at the old price keeps it.
CREATE TABLE plan_prices (
    id uuid CONSTRAINT plan_prices_pkey PRIMARY KEY,
    plan_id uuid NOT NULL CONSTRAINT plan_prices_plan_fkey REFERENCES plans ON DELETE CASCADE,
    interval text NOT NULL CONSTRAINT plan_prices_interval_known CHECK (interval IN ('month', 'year')),
    -- Per seat, in the currency's minor unit.
    unit_amount bigint NOT NULL CONSTRAINT plan_prices_unit_amount_range CHECK (unit_amount >= 0),
    currency text NOT NULL CONSTRAINT plan_prices_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    provider_price_id text CONSTRAINT plan_prices_provider_price_key UNIQUE,
    retired_at timestamptz,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX plan_prices_current_key ON plan_prices (plan_id, interval) WHERE retired_at IS NULL;

CREATE TABLE plan_limits (
    plan_id uuid NOT NULL CONSTRAINT plan_limits_plan_fkey REFERENCES plans ON DELETE CASCADE,
    key text NOT NULL CONSTRAINT plan_limits_key_known CHECK (key IN ('seats', 'trees', 'sessions_per_month')),
    -- Null: unlimited.
    max integer CONSTRAINT plan_limits_max_range CHECK (max >= 0),
    CONSTRAINT plan_limits_pkey PRIMARY KEY (plan_id, key)
);

CREATE TABLE plan_features (
    plan_id uuid NOT NULL CONSTRAINT plan_features_plan_fkey REFERENCES plans ON DELETE CASCADE,
    feature text NOT NULL CONSTRAINT plan_features_feature_known CHECK (
        feature IN ('tree_analytics', 'session_export_pdf', 'marketplace_selling', 'subtrees', 'priority_support')
    ),
    CONSTRAINT plan_features_pkey PRIMARY KEY (plan_id, feature)
);

-- ── customers and subscriptions ─────────────────────────────────────────────────────────────────

-- Who an account is at the provider. A deleted customer stays as a tombstone, also when the account is gone: what is still told of
-- it changes nothing.
CREATE TABLE customers (
    id uuid CONSTRAINT customers_pkey PRIMARY KEY,
    account_id uuid CONSTRAINT customers_account_fkey REFERENCES accounts ON DELETE SET NULL,
    provider_customer_id text NOT NULL CONSTRAINT customers_provider_customer_key UNIQUE,
    -- The one that checkouts use. Another one can come up where somebody subscribed elsewhere.
    is_primary boolean NOT NULL DEFAULT true,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX customers_account_key ON customers (account_id) WHERE is_primary AND deleted_at IS NULL;
CREATE INDEX customers_account_idx ON customers (account_id);

CREATE TABLE subscriptions (
    id uuid CONSTRAINT subscriptions_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT subscriptions_account_fkey REFERENCES accounts ON DELETE CASCADE,
    plan_id uuid NOT NULL CONSTRAINT subscriptions_plan_fkey REFERENCES plans,
    interval text CONSTRAINT subscriptions_interval_known CHECK (interval IN ('month', 'year')),
    status text NOT NULL CONSTRAINT subscriptions_status_known CHECK (
        status IN ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled')
    ),
    seats integer NOT NULL CONSTRAINT subscriptions_seats_range CHECK (seats >= 1),
    current_period_start timestamptz,
    current_period_end timestamptz,
    cancel_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    trial_end timestamptz,
    -- The provider does not collect. Not the status `paused`.
    collection_paused boolean NOT NULL DEFAULT false,
    -- What it changes to, when the change waits for a payment or the period's end.
    pending_plan_id uuid CONSTRAINT subscriptions_pending_plan_fkey REFERENCES plans,
    pending_interval text CONSTRAINT subscriptions_pending_interval_known CHECK (pending_interval IN ('month', 'year')),
    pending_seats integer CONSTRAINT subscriptions_pending_seats_range CHECK (pending_seats >= 1),
    -- One sentence when the customer must act.
    needs_attention text,
    -- `none`: a trial that we granted ourselves, or a plan without a price.
    provider text NOT NULL CONSTRAINT subscriptions_provider_known CHECK (provider IN ('none', 'stripe')),
    provider_subscription_id text CONSTRAINT subscriptions_provider_subscription_key UNIQUE,
    provider_customer_id text,
    -- False: made elsewhere while another one lived.
    is_primary boolean NOT NULL DEFAULT true,
    -- Which state of the provider's object this row shows (billing/ordering.rs). Null: made from a checkout, older than any.
    version_created timestamptz,
    -- Later than `version_created` after a refetch: it read the object at some time between the two.
    version_until timestamptz,
    version_event_id text,
    version_previous json,
    version_first boolean NOT NULL DEFAULT false,
    raw json,
    source text CONSTRAINT subscriptions_source_known CHECK (source IN ('event', 'refetch', 'reconcile', 'staff')),
    needs_refetch boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT subscriptions_provider_named CHECK ((provider = 'stripe') = (provider_subscription_id IS NOT NULL))
);
-- At most one that is paid for counts; deciding that in code alone would lose a race.
CREATE UNIQUE INDEX subscriptions_primary_key ON subscriptions (account_id)
    WHERE is_primary AND provider = 'stripe' AND status IN ('incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused');
CREATE UNIQUE INDEX subscriptions_local_key ON subscriptions (account_id) WHERE provider = 'none';
CREATE INDEX subscriptions_account_idx ON subscriptions (account_id);
CREATE INDEX subscriptions_customer_idx ON subscriptions (provider_customer_id);
CREATE INDEX subscriptions_refetch_idx ON subscriptions (updated_at) WHERE needs_refetch;
-- For the sweep that ends what has lapsed.
CREATE INDEX subscriptions_period_end_idx ON subscriptions (current_period_end) WHERE status IN ('trialing', 'active');

-- A checkout in flight.
CREATE TABLE checkouts (
    id uuid CONSTRAINT checkouts_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT checkouts_account_fkey REFERENCES accounts ON DELETE CASCADE,
    user_id uuid CONSTRAINT checkouts_user_fkey REFERENCES users ON DELETE SET NULL,
    purpose text NOT NULL CONSTRAINT checkouts_purpose_known CHECK (purpose IN ('subscription', 'credits', 'purchase')),
    status text NOT NULL CONSTRAINT checkouts_status_known CHECK (status IN ('open', 'completed', 'expired', 'failed')),
    -- Of a subscription.
    plan_id uuid CONSTRAINT checkouts_plan_fkey REFERENCES plans,
    interval text CONSTRAINT checkouts_interval_known CHECK (interval IN ('month', 'year')),
    seats integer CONSTRAINT checkouts_seats_range CHECK (seats >= 1),
    trial_days integer NOT NULL DEFAULT 0,
    -- Of credits.
    pack_key text,
    quantity integer NOT NULL DEFAULT 1 CONSTRAINT checkouts_quantity_range CHECK (quantity >= 1),
    credits integer CONSTRAINT checkouts_credits_range CHECK (credits >= 1),
    -- Of a purchase. Trees are bulk: no foreign key.
    tree_account_id uuid,
    tree_id uuid,
    tree_title text,
    -- The whole, in minor units, as it was offered.
    amount bigint CONSTRAINT checkouts_amount_range CHECK (amount >= 0),
    currency text CONSTRAINT checkouts_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    -- The client's; the provider's keys are made from `id`.
    idempotency_key text,
    provider_session_id text CONSTRAINT checkouts_provider_session_key UNIQUE,
    provider_subscription_id text,
    url text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT checkouts_complete CHECK (
        CASE purpose
            WHEN 'subscription' THEN plan_id IS NOT NULL AND interval IS NOT NULL AND seats IS NOT NULL
            WHEN 'credits' THEN credits IS NOT NULL AND amount IS NOT NULL AND currency IS NOT NULL
            ELSE tree_account_id IS NOT NULL AND tree_id IS NOT NULL AND tree_title IS NOT NULL AND amount IS NOT NULL AND currency IS NOT NULL
        END
    )
);
CREATE UNIQUE INDEX checkouts_open_key ON checkouts (account_id, purpose) WHERE status = 'open';
CREATE UNIQUE INDEX checkouts_idempotency_key ON checkouts (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX checkouts_provider_subscription_idx ON checkouts (provider_subscription_id);

-- One local trial per address, ever: also after the account is gone.
CREATE TABLE trial_grants (
    -- Normalised: without what lets one mailbox have many addresses.
    address text CONSTRAINT trial_grants_pkey PRIMARY KEY,
    account_id uuid CONSTRAINT trial_grants_account_fkey REFERENCES accounts ON DELETE SET NULL,
    created_at timestamptz NOT NULL
);
-- Which accounts have paid with which card; the provider's fingerprint, not the number. Outlives the account, hence no foreign key.
CREATE TABLE card_fingerprints (
    fingerprint text NOT NULL,
    account_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT card_fingerprints_pkey PRIMARY KEY (fingerprint, account_id)
);
CREATE INDEX card_fingerprints_account_idx ON card_fingerprints (account_id);

-- ── payments ────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE payments (
    id uuid CONSTRAINT payments_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT payments_account_fkey REFERENCES accounts ON DELETE CASCADE,
    purpose text NOT NULL CONSTRAINT payments_purpose_known CHECK (purpose IN ('subscription', 'credits', 'purchase', 'other')),
    checkout_id uuid CONSTRAINT payments_checkout_key UNIQUE CONSTRAINT payments_checkout_fkey REFERENCES checkouts ON DELETE SET NULL,
    provider_customer_id text,
    provider_subscription_id text,
    provider_invoice_id text CONSTRAINT payments_provider_invoice_key UNIQUE,
    -- Of a payment without an invoice; `payment_links` has those of invoices.
    payment_intent_id text CONSTRAINT payments_payment_intent_key UNIQUE,
    billing_reason text,
    -- What it pays for.
    period_start timestamptz,
    period_end timestamptz,
    invoice_status text CONSTRAINT payments_invoice_status_known CHECK (invoice_status IN ('draft', 'open', 'paid', 'void', 'uncollectible')),
    status text NOT NULL CONSTRAINT payments_status_known CHECK (
        status IN ('pending', 'succeeded', 'failed', 'refunded', 'partially_refunded', 'disputed', 'void')
    ),
    -- Minor units.
    amount bigint NOT NULL CONSTRAINT payments_amount_range CHECK (amount >= 0),
    currency text NOT NULL CONSTRAINT payments_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    refunded bigint NOT NULL DEFAULT 0 CONSTRAINT payments_refunded_range CHECK (refunded BETWEEN 0 AND amount),
    -- The highest `amount_refunded` that a charge has told: it may be known before its refunds are.
    charge_refunded bigint NOT NULL DEFAULT 0,
    -- Credits that it bought, and how many of them refunds and disputes have claimed back.
    credits_granted integer NOT NULL DEFAULT 0,
    credits_claimed integer NOT NULL DEFAULT 0 CONSTRAINT payments_credits_claimed_range CHECK (credits_claimed BETWEEN 0 AND credits_granted),
    description text,
    hosted_invoice_url text,
    paid_at timestamptz,
    -- When the provider told so last. What follows is decided by all facts together, so that their order does not matter.
    failed_at timestamptz,
    action_required_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX payments_account_idx ON payments (account_id, created_at, id);
CREATE INDEX payments_provider_subscription_idx ON payments (provider_subscription_id);

-- Which invoice a payment intent paid, by which charge, for whom. Each event tells a part, in any order.
CREATE TABLE payment_links (
    -- Of a charge without an intent: the charge's own id.
    payment_intent_id text CONSTRAINT payment_links_pkey PRIMARY KEY,
    charge_id text,
    provider_invoice_id text,
    provider_customer_id text
);
CREATE INDEX payment_links_charge_idx ON payment_links (charge_id);
CREATE INDEX payment_links_invoice_idx ON payment_links (provider_invoice_id);

CREATE TABLE refunds (
    provider_refund_id text CONSTRAINT refunds_pkey PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT refunds_payment_fkey REFERENCES payments ON DELETE CASCADE,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL CONSTRAINT refunds_status_known CHECK (status IN ('pending', 'succeeded', 'failed')),
    reason text,
    created_at timestamptz NOT NULL
);
CREATE INDEX refunds_payment_idx ON refunds (payment_id);

CREATE TABLE disputes (
    provider_dispute_id text CONSTRAINT disputes_pkey PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT disputes_payment_fkey REFERENCES payments ON DELETE CASCADE,
    amount bigint NOT NULL,
    currency text NOT NULL,
    -- `inquiry`: nothing is withdrawn yet.
    status text NOT NULL CONSTRAINT disputes_status_known CHECK (status IN ('inquiry', 'open', 'won', 'lost')),
    reason text,
    created_at timestamptz NOT NULL
);
CREATE INDEX disputes_payment_idx ON disputes (payment_id);

-- ── credits ─────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE credit_packs (
    key text CONSTRAINT credit_packs_pkey PRIMARY KEY,
    name text NOT NULL,
    credits integer NOT NULL CONSTRAINT credit_packs_credits_range CHECK (credits >= 1),
    unit_amount bigint NOT NULL CONSTRAINT credit_packs_unit_amount_range CHECK (unit_amount >= 1),
    currency text NOT NULL CONSTRAINT credit_packs_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    on_sale boolean NOT NULL DEFAULT true
);

CREATE TABLE credit_balances (
    account_id uuid CONSTRAINT credit_balances_pkey PRIMARY KEY CONSTRAINT credit_balances_account_fkey REFERENCES accounts ON DELETE CASCADE,
    balance integer NOT NULL DEFAULT 0 CONSTRAINT credit_balances_balance_range CHECK (balance >= 0),
    -- Claimed back by refunds or disputes, but spent already.
    shortfall integer NOT NULL DEFAULT 0 CONSTRAINT credit_balances_shortfall_range CHECK (shortfall >= 0),
    updated_at timestamptz NOT NULL
);

CREATE TABLE credit_entries (
    id uuid CONSTRAINT credit_entries_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT credit_entries_account_fkey REFERENCES accounts ON DELETE CASCADE,
    delta integer NOT NULL,
    balance_after integer NOT NULL CONSTRAINT credit_entries_balance_after_range CHECK (balance_after >= 0),
    kind text NOT NULL CONSTRAINT credit_entries_kind_known CHECK (kind IN ('purchase', 'grant', 'spend', 'refund', 'clawback')),
    -- What caused it: a checkout session, a refund, a session, a grant's idempotency key.
    source text NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    -- Whatever arrives how often: each cause counts once.
    CONSTRAINT credit_entries_source_key UNIQUE (source, kind)
);
CREATE INDEX credit_entries_account_idx ON credit_entries (account_id, id);
CREATE TRIGGER credit_entries_never_change BEFORE UPDATE ON credit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- ── marketplace ─────────────────────────────────────────────────────────────────────────────────

CREATE TABLE listings (
    id uuid CONSTRAINT listings_pkey PRIMARY KEY,
    -- The seller.
    account_id uuid NOT NULL CONSTRAINT listings_account_fkey REFERENCES accounts ON DELETE CASCADE,
    tree_id uuid NOT NULL,
    amount bigint NOT NULL CONSTRAINT listings_amount_range CHECK (amount >= 1),
    currency text NOT NULL CONSTRAINT listings_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    unlisted_at timestamptz
);
CREATE UNIQUE INDEX listings_tree_key ON listings (account_id, tree_id) WHERE unlisted_at IS NULL;

CREATE TABLE purchases (
    id uuid CONSTRAINT purchases_pkey PRIMARY KEY,
    -- The buyer.
    account_id uuid NOT NULL CONSTRAINT purchases_account_fkey REFERENCES accounts ON DELETE CASCADE,
    seller_account_id uuid CONSTRAINT purchases_seller_fkey REFERENCES accounts ON DELETE SET NULL,
    tree_id uuid NOT NULL,
    tree_title text NOT NULL,
    amount bigint NOT NULL CONSTRAINT purchases_amount_range CHECK (amount >= 0),
    currency text NOT NULL CONSTRAINT purchases_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    platform_fee bigint NOT NULL CONSTRAINT purchases_platform_fee_range CHECK (platform_fee >= 0),
    creator_payout bigint NOT NULL CONSTRAINT purchases_creator_payout_range CHECK (creator_payout >= 0),
    status text NOT NULL CONSTRAINT purchases_status_known CHECK (
        status IN ('pending', 'active', 'refunded', 'disputed', 'failed', 'expired')
    ),
    checkout_id uuid CONSTRAINT purchases_checkout_key UNIQUE CONSTRAINT purchases_checkout_fkey REFERENCES checkouts ON DELETE SET NULL,
    payment_id uuid CONSTRAINT purchases_payment_key UNIQUE CONSTRAINT purchases_payment_fkey REFERENCES payments ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT purchases_shares CHECK (platform_fee + creator_payout = amount)
);
-- Bought once.
CREATE UNIQUE INDEX purchases_tree_key ON purchases (account_id, tree_id) WHERE status IN ('pending', 'active', 'disputed');
CREATE INDEX purchases_account_idx ON purchases (account_id, id);
CREATE INDEX purchases_seller_idx ON purchases (seller_account_id, id);

-- ── what Stripe told ────────────────────────────────────────────────────────────────────────────

-- The ledger: one row per event that was applied, or decided to change nothing. Written in the transaction that changes the state,
-- and gone with it if that fails: else a retry would be dropped as a duplicate.
CREATE TABLE stripe_events (
    event_id text CONSTRAINT stripe_events_pkey PRIMARY KEY,
    type text NOT NULL,
    decision text NOT NULL CONSTRAINT stripe_events_decision_known CHECK (decision IN ('completed', 'stale', 'ignored', 'tombstone')),
    decided_at timestamptz NOT NULL
);

-- The log: survives the rollback of a failed attempt, so that people see the failure.
CREATE TABLE webhook_deliveries (
    id uuid CONSTRAINT webhook_deliveries_pkey PRIMARY KEY,
    event_id text NOT NULL CONSTRAINT webhook_deliveries_event_key UNIQUE,
    type text NOT NULL,
    status text NOT NULL CONSTRAINT webhook_deliveries_status_known CHECK (
        status IN ('processing', 'completed', 'failed', 'ignored', 'stale', 'parked', 'tombstone', 'dead')
    ),
    -- What was decided and why.
    decision text,
    -- Tries that came to a decision or failed; being busy is none.
    attempts integer NOT NULL,
    last_error text,
    -- When we try again by ourselves.
    next_attempt_at timestamptz,
    account_id uuid CONSTRAINT webhook_deliveries_account_fkey REFERENCES accounts ON DELETE SET NULL,
    provider_customer_id text,
    -- The customer or payment intent that it waits for.
    parked_under text,
    -- `json`, not `jsonb`, which refuses \u0000.
    payload json NOT NULL,
    livemode boolean NOT NULL,
    api_version text,
    received_at timestamptz NOT NULL,
    processed_at timestamptz
);
CREATE INDEX webhook_deliveries_received_idx ON webhook_deliveries (received_at, id);
CREATE INDEX webhook_deliveries_account_idx ON webhook_deliveries (account_id, received_at) WHERE account_id IS NOT NULL;
CREATE INDEX webhook_deliveries_parked_idx ON webhook_deliveries (parked_under) WHERE status = 'parked';
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (next_attempt_at) WHERE status = 'failed';
CREATE INDEX webhook_deliveries_unwell_idx ON webhook_deliveries (status, received_at) WHERE status NOT IN ('completed', 'ignored', 'stale');

-- Which mails about billing went out, by what they are about: once each, whichever event tells it first.
CREATE TABLE billing_mails (
    about text CONSTRAINT billing_mails_pkey PRIMARY KEY,
    created_at timestamptz NOT NULL
);

-- ── what ships ──────────────────────────────────────────────────────────────────────────────────

-- Fixed ids: every installation has the same plans, and the code refers to none of them by id.
INSERT INTO plans (id, key, name, description, tier, trial_days, created_at, updated_at) VALUES
    ('0192f000-0000-7000-8000-000000000001', 'free', 'Free', 'For trying it out.', 'free', 0, now(), now()),
    ('0192f000-0000-7000-8000-000000000002', 'starter', 'Starter', 'For a small team.', 'starter', 14, now(), now()),
    ('0192f000-0000-7000-8000-000000000003', 'pro', 'Pro', 'For a support desk.', 'pro', 14, now(), now()),
    ('0192f000-0000-7000-8000-000000000004', 'enterprise', 'Enterprise', 'For a whole company.', 'enterprise', 30, now(), now());

INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, created_at)
SELECT number::uuid, plans.id, price.interval, price.unit_amount, 'USD', now()
FROM (VALUES
    ('0192f000-0000-7000-8000-000000000011', 'free', 'month', 0),
    ('0192f000-0000-7000-8000-000000000012', 'free', 'year', 0),
    ('0192f000-0000-7000-8000-000000000013', 'starter', 'month', 1200),
    ('0192f000-0000-7000-8000-000000000014', 'starter', 'year', 12000),
    ('0192f000-0000-7000-8000-000000000015', 'pro', 'month', 2900),
    ('0192f000-0000-7000-8000-000000000016', 'pro', 'year', 29000),
    ('0192f000-0000-7000-8000-000000000017', 'enterprise', 'month', 5900),
    ('0192f000-0000-7000-8000-000000000018', 'enterprise', 'year', 59000)
) AS price (number, plan, interval, unit_amount)
JOIN plans ON plans.key = price.plan;

INSERT INTO plan_limits (plan_id, key, max)
SELECT plans.id, allowed.key, allowed.max
FROM (VALUES
    ('free', 'seats', 2), ('free', 'trees', 5), ('free', 'sessions_per_month', 50),
    ('starter', 'seats', 10), ('starter', 'trees', 50), ('starter', 'sessions_per_month', 1000),
    ('pro', 'seats', 50), ('pro', 'trees', NULL), ('pro', 'sessions_per_month', 10000),
    ('enterprise', 'seats', NULL), ('enterprise', 'trees', NULL), ('enterprise', 'sessions_per_month', NULL)
) AS allowed (plan, key, max)
JOIN plans ON plans.key = allowed.plan;

-- Each plan has the features of those below it, too.
INSERT INTO plan_features (plan_id, feature)
SELECT plans.id, opened.feature
FROM (VALUES
    ('free', 'subtrees'),
    ('starter', 'subtrees'), ('starter', 'tree_analytics'),
    ('pro', 'subtrees'), ('pro', 'tree_analytics'), ('pro', 'session_export_pdf'), ('pro', 'marketplace_selling'),
    ('enterprise', 'subtrees'), ('enterprise', 'tree_analytics'), ('enterprise', 'session_export_pdf'),
    ('enterprise', 'marketplace_selling'), ('enterprise', 'priority_support')
) AS opened (plan, feature)
JOIN plans ON plans.key = opened.plan;

INSERT INTO credit_packs (key, name, credits, unit_amount, currency) VALUES
    ('credits-100', '100 credits', 100, 1000, 'USD'),
    ('credits-500', '500 credits', 500, 4500, 'USD'),
    ('credits-2000', '2,000 credits', 2000, 16000, 'USD');
