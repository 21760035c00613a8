DROP INDEX sign_in_codes_expires_at_idx;
ALTER TABLE sign_in_codes ADD made smallint NOT NULL DEFAULT 1, ADD made_since timestamptz;
UPDATE sign_in_codes SET made_since = expires_at;
ALTER TABLE sign_in_codes ALTER made_since SET NOT NULL;
CREATE INDEX sign_in_codes_made_idx ON sign_in_codes (made_since);
DROP TABLE mail_counts;
