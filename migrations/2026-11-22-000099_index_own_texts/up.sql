-- What trees say of themselves: far fewer texts than those of their nodes, and looked for apart from them.
CREATE INDEX tree_texts_own_search_idx ON tree_texts USING gin (account_id, edition, search) WHERE node_key = '';
CREATE INDEX tree_texts_own_heading_idx ON tree_texts USING gin (account_id, edition, heading gin_trgm_ops) WHERE node_key = '';
