DROP TABLE session_usage;
DROP TABLE session_steps;
DROP TABLE sessions;
