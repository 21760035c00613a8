DROP TABLE pending_emails;
