-- What was changed at Stripe is told to staff by alerts, one for each product and price; one note a plan knew only of the last.
ALTER TABLE plans DROP COLUMN provider_note;
