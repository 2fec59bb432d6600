-- The operator's console: who is logged in, their logins, and what its pages look up over all partners; what live pages see.

-- Written by console_sessions.py: a row for each link, which its one login makes a session. Of the link and of the session
-- there are hashes alone. Of the house, not of a partner, and so closed to transactions that see one partner's rows.
CREATE TABLE console_sessions (
    code_hash    bytea PRIMARY KEY,
    link_until   timestamptz NOT NULL,
    session_hash bytea UNIQUE,               -- null until the link has been used
    began_at     timestamptz,
    ends_at      timestamptz,
    CHECK ((session_hash IS NULL) = (began_at IS NULL) AND (session_hash IS NULL) = (ends_at IS NULL))
);
ALTER TABLE console_sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY operator ON console_sessions TO callwright_operator USING (true) WITH CHECK (true);

ALTER TABLE login_audit
    ADD COLUMN door text NOT NULL DEFAULT 'api' CHECK (door IN ('api', 'console')),
    DROP CONSTRAINT login_audit_outcome_check,
    ADD CONSTRAINT login_audit_outcome_check CHECK (
        outcome IN ('let in', 'wrong secret', 'revoked key', 'unknown key', 'shut out', 'wrong link'));

-- When a call failed, for the list of those of all partners; written by calls.py as the call fails, null once it is tried
-- again. An index on `state` would be written to whenever a call moves on; this column is null until one fails, so that
-- calls which do not fail cost nothing. A column without a default is added without touching the rows: what is written
-- here are those that have failed.
ALTER TABLE calls ADD COLUMN failed_at timestamptz;
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
UPDATE calls SET failed_at = ended_at WHERE state = 'failed';
RESET ROLE;
CREATE INDEX calls_failed ON calls (failed_at, partner_id, call_id) INCLUDE (failure_code) WHERE failed_at IS NOT NULL;

-- How far a subtenant's log of what is due was counted: open pages hear of what was added and taken between two looks, too.
ALTER TABLE rolled_subtenants ADD COLUMN counted_to bigint NOT NULL DEFAULT 0;

-- By which engines the results of the last day were made: a few pages for millions of rows.
CREATE INDEX transcripts_by_time ON transcripts USING brin (made_at);
CREATE INDEX analyses_by_time ON analyses USING brin (made_at);
