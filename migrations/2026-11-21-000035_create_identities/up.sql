-- Who people are elsewhere. Only the subject is kept: it never changes, while addresses and names do.
CREATE TABLE identities (
    provider text NOT NULL CONSTRAINT identities_provider_known CHECK (provider IN ('google', 'github')),
    subject text NOT NULL CONSTRAINT identities_subject_length CHECK (char_length(subject) BETWEEN 1 AND 255),
    user_id uuid NOT NULL CONSTRAINT identities_user_fkey REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT identities_pkey PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_user_idx ON identities (user_id);
