DROP INDEX checkouts_user_idx;
DROP INDEX checkouts_account_idx;
