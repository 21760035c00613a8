-- How many of the credits that were claimed back came out of the balance; the others were short. Of earlier claims nobody knows: they count
-- as short while anything is. Nothing checks it against `credits_claimed`, which a process of the release before changes alone.
ALTER TABLE payments ADD credits_taken integer NOT NULL DEFAULT 0;
