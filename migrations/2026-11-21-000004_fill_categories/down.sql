UPDATE trees SET category = NULL;
DELETE FROM categories;
