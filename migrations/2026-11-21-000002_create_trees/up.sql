-- What accounts own in bulk has the primary key (account_id, id), and so have all keys between such tables: tenants are apart by
-- construction, and the tables can be distributed by account_id. Small tables may not refer to them.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE TABLE categories (
    slug text CONSTRAINT categories_pkey PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE trees (
    account_id uuid NOT NULL CONSTRAINT trees_account_fkey REFERENCES accounts ON DELETE CASCADE,
    id uuid NOT NULL,
    slug text NOT NULL,
    title text NOT NULL CONSTRAINT trees_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    summary text,
    category text CONSTRAINT trees_category_fkey REFERENCES categories,
    tags text[] NOT NULL DEFAULT '{}',
    locale text NOT NULL,
    status text NOT NULL CONSTRAINT trees_status_known CHECK (status IN ('draft', 'published', 'archived')),
    revision integer NOT NULL,
    -- `json`, not `jsonb`: nodes keep the author's order.
    draft json NOT NULL,
    draft_digest text NOT NULL,
    published_version_id uuid,
    session_count integer NOT NULL DEFAULT 0,
    created_by uuid NOT NULL CONSTRAINT trees_created_by_fkey REFERENCES users,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT trees_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT trees_slug_key UNIQUE (account_id, slug)
);
CREATE INDEX trees_updated_at_idx ON trees (account_id, updated_at, id);
CREATE INDEX trees_title_idx ON trees (account_id, lower(title), id);
CREATE INDEX trees_session_count_idx ON trees (account_id, session_count, id);

-- Published content. A row never changes.
CREATE TABLE tree_versions (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    tree_id uuid NOT NULL,
    number integer NOT NULL,
    digest text NOT NULL,
    document json NOT NULL,
    notes text,
    published_by uuid NOT NULL CONSTRAINT tree_versions_published_by_fkey REFERENCES users,
    published_at timestamptz NOT NULL,
    CONSTRAINT tree_versions_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT tree_versions_number_key UNIQUE (account_id, tree_id, number),
    CONSTRAINT tree_versions_tree_fkey FOREIGN KEY (account_id, tree_id) REFERENCES trees (account_id, id)
);
ALTER TABLE trees ADD CONSTRAINT trees_published_version_fkey
    FOREIGN KEY (account_id, published_version_id) REFERENCES tree_versions (account_id, id);

-- Which version of another tree a subtree node calls, fixed when the caller is published. The callee may be another account's,
-- hence no foreign key to it.
CREATE TABLE version_pins (
    account_id uuid NOT NULL,
    version_id uuid NOT NULL,
    node_key text NOT NULL,
    callee_account_id uuid NOT NULL,
    callee_tree_id uuid NOT NULL,
    callee_version_id uuid NOT NULL,
    CONSTRAINT version_pins_pkey PRIMARY KEY (account_id, version_id, node_key),
    CONSTRAINT version_pins_version_fkey FOREIGN KEY (account_id, version_id) REFERENCES tree_versions (account_id, id) ON DELETE CASCADE
);
CREATE INDEX version_pins_callee_idx ON version_pins (callee_account_id, callee_tree_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME;
END $$;
CREATE TRIGGER tree_versions_never_change BEFORE UPDATE ON tree_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER version_pins_never_change BEFORE UPDATE ON version_pins FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The words of trees, for searching: one row for the tree itself (node_key is empty) and one a node, of the draft and of the
-- published version, so that each viewer finds only what they may see.
CREATE TABLE tree_texts (
    account_id uuid NOT NULL,
    tree_id uuid NOT NULL,
    edition text NOT NULL CONSTRAINT tree_texts_edition_known CHECK (edition IN ('draft', 'published')),
    node_key text NOT NULL,
    heading text NOT NULL,
    body text NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('simple'::regconfig, heading), CASE WHEN node_key = '' THEN 'A'::"char" ELSE 'C'::"char" END)
        || setweight(to_tsvector('simple'::regconfig, body), CASE WHEN node_key = '' THEN 'B'::"char" ELSE 'D'::"char" END)
    ) STORED,
    CONSTRAINT tree_texts_pkey PRIMARY KEY (account_id, tree_id, edition, node_key),
    CONSTRAINT tree_texts_tree_fkey FOREIGN KEY (account_id, tree_id) REFERENCES trees (account_id, id) ON DELETE CASCADE
);
CREATE INDEX tree_texts_search_idx ON tree_texts USING gin (account_id, edition, search);
CREATE INDEX tree_texts_heading_idx ON tree_texts USING gin (account_id, edition, heading gin_trgm_ops);
CREATE INDEX tree_texts_body_idx ON tree_texts USING gin (account_id, edition, body gin_trgm_ops);
