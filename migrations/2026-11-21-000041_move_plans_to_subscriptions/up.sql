-- What an account has follows from its subscriptions alone: a second place that says so could only contradict them.
INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, created_at, updated_at)
SELECT gen_random_uuid(), accounts.id, plans.id, 'active', 1, 'none', accounts.created_at, now()
FROM accounts JOIN plans ON plans.key = accounts.plan
WHERE accounts.plan <> 'free';

ALTER TABLE accounts DROP COLUMN plan;
