-- Which of a body's words are tags: these count for more than the summary beside them. Four labels weigh five places, since a node's text
-- counts for a fraction of its tree's (`tree/search.rs`): A is a title, B a tag, C what stands below.
ALTER TABLE tree_texts ADD COLUMN tags text NOT NULL DEFAULT '';
UPDATE tree_texts SET tags = array_to_string(trees.tags, E'\n')
FROM trees WHERE trees.account_id = tree_texts.account_id AND trees.id = tree_texts.tree_id AND node_key = '';

ALTER TABLE tree_texts DROP COLUMN search, ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('simple'::regconfig, heading), 'A')
    || setweight(to_tsvector('simple'::regconfig, tags), 'B')
    || setweight(to_tsvector('simple'::regconfig, body), 'C')
) STORED;
CREATE INDEX tree_texts_search_idx ON tree_texts USING gin (account_id, edition, search);
