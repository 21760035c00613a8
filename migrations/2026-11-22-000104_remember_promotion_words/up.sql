-- What people typed; `promotion_code` is the provider's id for it. Once a code is used up, nobody could be asked for that id again.
ALTER TABLE checkouts ADD COLUMN promotion_word text;
