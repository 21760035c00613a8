DROP TABLE refresh_tokens;
DROP TABLE sign_ins;
DROP TABLE memberships;
DROP TABLE accounts;
DROP TABLE users;
