-- Tries of a call's step that were begun and did not come to an end: one may be under way, the others died with their
-- workers. A try that fails, or waits for something of ours, has come to its end.
ALTER TABLE calls ADD COLUMN open_tries smallint NOT NULL DEFAULT 0;
