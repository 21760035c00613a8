-- Another state of the same second was compared with the one that is stored: from the third on, comparing can mislead.
ALTER TABLE subscriptions ADD COLUMN version_contested boolean NOT NULL DEFAULT false;
