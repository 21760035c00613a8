-- For the hourly mails about trials of ours that end.
CREATE INDEX subscriptions_local_trial_end_idx ON subscriptions (trial_end) WHERE provider = 'none' AND status = 'trialing';
