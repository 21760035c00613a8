-- Whether a checkout was completed whose subscription is not known yet is asked while the account is locked; and all of an account's go
-- with it.
CREATE INDEX checkouts_account_idx ON checkouts (account_id);
-- Those of somebody who goes forget who that was.
CREATE INDEX checkouts_user_idx ON checkouts (user_id);
