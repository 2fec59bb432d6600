-- What the dashboards are read from: the calls of a day counted once, and a row for each contact, both from ended_calls
-- (docs/explanation/rollups.md). Whoever changes an ended call notes it in recounts_due in the same transaction; what is
-- noted there is read from ended_calls itself, until the worker has counted it again.

-- Written by recounts.py: what no longer is as it was counted. A row is added, never changed, so that nobody waits.
CREATE TABLE recounts_due (
    partner_id   bigint NOT NULL,
    subtenant_no bigint NOT NULL,
    due_no       bigint GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL,       -- the day is the one that this lies in, in the partner's time zone
    customer_id  text COLLATE "C",           -- null where only the day is to be counted
    PRIMARY KEY (partner_id, subtenant_no, due_no)
);
CALL protect('recounts_due', 'subtenant_no = subtenant_in_hand()');

-- The other three by rollups.py. A subtenant whose zone is not its partner's, or that has no row here, is not counted yet.
CREATE TABLE rolled_subtenants (
    partner_id   bigint NOT NULL,
    subtenant_no bigint NOT NULL,
    time_zone    text NOT NULL,
    PRIMARY KEY (partner_id, subtenant_no)
);
CALL protect('rolled_subtenants', 'subtenant_no = subtenant_in_hand()');

CREATE TABLE day_rollups (
    partner_id    bigint NOT NULL,
    subtenant_no  bigint NOT NULL,
    agent_id      text COLLATE "C" NOT NULL,  -- '' for all of them together
    day           date NOT NULL,
    label         text COLLATE "C" NOT NULL,  -- the intent, NOT_ASSESSED or FAILED; NO_CALL for what came without one;
                                              -- '' for all of an agent's calls, in numbers alone
    calls         integer NOT NULL,
    engaged       integer NOT NULL,
    milliseconds  bigint NOT NULL,            -- from the start to the end of the calls
    talk_ms       bigint NOT NULL,            -- both sides' talk
    sided_ms      bigint NOT NULL,            -- of the calls in which the two can be told apart: both sides' talk
    agent_ms      bigint NOT NULL,            -- and the agent's
    quality_sum   bigint NOT NULL,
    quality_calls integer NOT NULL,
    score_sum     bigint NOT NULL,
    score_calls   integer NOT NULL,
    assessed      integer NOT NULL,           -- calls that have an intent
    interested    integer NOT NULL,
    customers     bytea NOT NULL,             -- 8 bytes for each customer: the head of the id's SHA-256
    kinds         text[] NOT NULL,            -- these five are in one order: concern, parameter, disposition
    names         text[] NOT NULL,
    name_calls    integer[] NOT NULL,
    reached       bigint[] NOT NULL,          -- points of a parameter
    maxima        bigint[] NOT NULL,
    PRIMARY KEY (partner_id, subtenant_no, agent_id, day, label)
);
CREATE INDEX day_rollups_by_label ON day_rollups (partner_id, subtenant_no, label, day);
ALTER TABLE day_rollups ALTER COLUMN customers SET STORAGE EXTERNAL;  -- hashes do not compress
CALL protect('day_rollups', 'subtenant_no = subtenant_in_hand()');

CREATE TABLE contact_rollups (
    partner_id    bigint NOT NULL,
    subtenant_no  bigint NOT NULL,
    customer_id   text COLLATE "C" NOT NULL,
    calls         integer NOT NULL,
    last_call_at  timestamptz NOT NULL,
    last_call_id  text COLLATE "C" NOT NULL,
    agent_id      text COLLATE "C" NOT NULL,  -- of the last call
    intent        text,                       -- of the last call that has one
    intent_score  smallint,
    quality_sum   bigint NOT NULL,
    quality_calls integer NOT NULL,
    words         text NOT NULL,              -- id, name and address in small letters, to be searched
    PRIMARY KEY (partner_id, subtenant_no, customer_id)
);
-- With all that contacts are narrowed to and sorted by, so that the table is read for one page of them alone.
CREATE INDEX contact_rollups_by_time ON contact_rollups (partner_id, subtenant_no, last_call_at)
    INCLUDE (customer_id, calls, agent_id, intent, intent_score, quality_sum, quality_calls);
CALL protect('contact_rollups', 'subtenant_no = subtenant_in_hand()');

-- Dispositions that came with a call are found by the call; those that came without one, which are few, by this.
CREATE INDEX dispositions_without_call ON dispositions (partner_id, subtenant_no, effective_at) WHERE source = 'api';

-- A subtenant that had calls before is counted whole by the worker, as nothing has been counted of it yet.
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
INSERT INTO recounts_due (partner_id, subtenant_no, at) SELECT partner_id, subtenant_no, now() FROM subtenants;
RESET ROLE;
