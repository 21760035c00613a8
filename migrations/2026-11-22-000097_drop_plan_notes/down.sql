ALTER TABLE plans ADD COLUMN provider_note text;
