ALTER TABLE accounts DROP COLUMN customer_attempt;
