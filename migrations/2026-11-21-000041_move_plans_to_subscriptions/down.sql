ALTER TABLE accounts ADD COLUMN plan text NOT NULL DEFAULT 'free' CONSTRAINT accounts_plan_known CHECK (plan IN ('free', 'enterprise'));

UPDATE accounts SET plan = 'enterprise'
FROM subscriptions JOIN plans ON plans.id = subscriptions.plan_id
WHERE subscriptions.account_id = accounts.id AND subscriptions.provider = 'none' AND subscriptions.status = 'active' AND plans.key = 'enterprise';

-- Trials that were granted since have no place to go.
DELETE FROM subscriptions WHERE provider = 'none';
