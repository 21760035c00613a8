DROP TABLE billing_mails, webhook_deliveries, stripe_events, purchases, listings, credit_entries, credit_balances, credit_packs,
    disputes, refunds, payment_links, payments, card_fingerprints, trial_grants, checkouts, subscriptions, customers,
    plan_features, plan_limits, plan_prices, plans;
