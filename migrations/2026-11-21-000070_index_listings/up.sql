-- The marketplace, newest first.
CREATE INDEX listings_on_sale_idx ON listings (id) WHERE unlisted_at IS NULL;
-- Buyers name a tree by its id alone: they do not know whose it is.
CREATE INDEX listings_tree_idx ON listings (tree_id) WHERE unlisted_at IS NULL;
