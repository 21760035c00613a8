DROP TRIGGER trees_deleted ON trees;
DROP TRIGGER trees_changed ON trees;
DROP FUNCTION announce_tree();
