DROP TABLE email_changes;
DROP TABLE sign_in_codes;
DROP TABLE email_tokens;
