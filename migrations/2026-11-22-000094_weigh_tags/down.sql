ALTER TABLE tree_texts DROP COLUMN search, DROP COLUMN tags, ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('simple'::regconfig, heading), CASE WHEN node_key = '' THEN 'A'::"char" ELSE 'C'::"char" END)
    || setweight(to_tsvector('simple'::regconfig, body), CASE WHEN node_key = '' THEN 'B'::"char" ELSE 'D'::"char" END)
) STORED;
CREATE INDEX tree_texts_search_idx ON tree_texts USING gin (account_id, edition, search);
