ALTER TABLE checkouts DROP COLUMN promotion_word;
