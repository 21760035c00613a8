-- A refund that fails makes nothing of it: whoever it was paid for is gone. (A default that is a constant rewrites no table.)
ALTER TABLE payments ADD COLUMN account_gone boolean NOT NULL DEFAULT false;
