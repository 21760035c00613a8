-- How many mails of one kind a mailbox was sent, or an account has had sent, in a day: codes were counted by themselves so far.
CREATE TABLE mail_counts (
    -- The mail's name, and the account or a digest of the address: no list of addresses.
    whose text CONSTRAINT mail_counts_pkey PRIMARY KEY,
    sent smallint NOT NULL,
    since timestamptz NOT NULL
);
CREATE INDEX mail_counts_since_idx ON mail_counts (since);

DROP INDEX sign_in_codes_made_idx;
ALTER TABLE sign_in_codes DROP COLUMN made, DROP COLUMN made_since;
CREATE INDEX sign_in_codes_expires_at_idx ON sign_in_codes (expires_at);
