-- What is cleaned up is found by its age.
CREATE INDEX sign_ins_last_used_at_idx ON sign_ins (last_used_at);
CREATE INDEX refresh_tokens_expires_at_idx ON refresh_tokens (expires_at);
