DROP INDEX listings_tree_idx, listings_on_sale_idx;
