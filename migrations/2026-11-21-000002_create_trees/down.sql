DROP TABLE tree_texts;
DROP TABLE version_pins;
ALTER TABLE trees DROP CONSTRAINT trees_published_version_fkey;
DROP TABLE tree_versions;
DROP TABLE trees;
DROP TABLE categories;
DROP FUNCTION refuse_change;
DROP EXTENSION btree_gin;
DROP EXTENSION pg_trgm;
