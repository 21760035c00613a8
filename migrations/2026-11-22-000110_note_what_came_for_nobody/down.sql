ALTER TABLE payments DROP COLUMN account_gone;
