-- Erasure: what is left of a call that was erased, what is still to be done, and the proof that it was
-- (docs/decisions/tombstones.md).

-- What an erased call's id is hashed with, so that the same id leaves another mark at another partner. It lies here and
-- not under the secret key: a key that is lost or replaced must not bring erased calls back.
ALTER TABLE partners ADD COLUMN tombstone_salt bytea NOT NULL
    DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

-- Written by calls.py: by this a call that comes again is known as one that was there. No time, no hash of the body.
CREATE TABLE erased_calls (
    partner_id   bigint NOT NULL,
    mark         bytea NOT NULL,             -- SHA-256 of the partner's salt and the call's id
    subtenant_no bigint NOT NULL,
    erasure_id   uuid NOT NULL,
    PRIMARY KEY (partner_id, mark)
);
CALL protect('erased_calls', 'subtenant_no = subtenant_in_hand()');

-- The proof, written by audit.py: no name, no number, no id of a call or of a person.
CREATE TABLE erasure_audit (
    partner_id   bigint NOT NULL,
    erasure_id   uuid NOT NULL,
    subtenant_no bigint,                     -- null: all of the partner's
    kind         text NOT NULL
                 CHECK (kind IN ('call', 'customer', 'phone', 'email', 'rule for recordings', 'rule for everything')),
    asked_by     text NOT NULL CHECK (asked_by IN ('api', 'command', 'rule')),
    who          text NOT NULL,              -- the API key; of a command the user of the machine
    request_id   text,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    calls        integer NOT NULL DEFAULT 0,
    customers    integer NOT NULL DEFAULT 0,
    agents       integer NOT NULL DEFAULT 0,
    rows         bigint NOT NULL DEFAULT 0,  -- of the database, all tables together
    files        integer NOT NULL DEFAULT 0, -- of the store, each seen to be gone
    done_at      timestamptz,                -- null: pending
    PRIMARY KEY (partner_id, erasure_id)
);
CREATE INDEX erasure_audit_by_time ON erasure_audit (asked_at);
CALL protect('erasure_audit', 'subtenant_no = subtenant_in_hand()');

-- Written by erasures.py, and deleted when all is done.
CREATE TABLE erasure_orders (
    partner_id   bigint NOT NULL,
    erasure_id   uuid NOT NULL,
    subtenant_no bigint,
    kind         text NOT NULL,
    subject      text,                       -- the call's id or the phone number; null once its calls are gone
    before       timestamptz NOT NULL,       -- calls that come in later are not meant
    phase        text NOT NULL CHECK (phase IN ('due', 'calls', 'people', 'batches', 'files')),
    place        text COLLATE "C" NOT NULL DEFAULT '',  -- how far the phase has come
    since        timestamptz NOT NULL DEFAULT now(),    -- when the phase began
    PRIMARY KEY (partner_id, erasure_id)
);
CALL protect('erasure_orders', 'subtenant_no = subtenant_in_hand()');

-- Whom an erasure is about (`meant`), and who may be left without a call by it.
CREATE TABLE erasure_people (
    partner_id   bigint NOT NULL,
    erasure_id   uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('customer', 'agent')),
    subtenant_no bigint NOT NULL,
    person_id    text COLLATE "C" NOT NULL,
    meant        boolean NOT NULL,
    PRIMARY KEY (partner_id, erasure_id, kind, subtenant_no, person_id)
);
CALL protect('erasure_people', 'subtenant_no = subtenant_in_hand()');

-- Objects of the store that have to go. They are looked for once more after an hour: a process that died may have put
-- one there behind our back.
CREATE TABLE erased_files (
    partner_id bigint NOT NULL,
    store_key  text COLLATE "C" NOT NULL,
    erasure_id uuid NOT NULL,
    gone_at    timestamptz,                  -- null: not seen to be gone yet
    check_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, store_key)
);
CREATE INDEX erased_files_by_time ON erased_files (check_at);
CREATE INDEX erased_files_of_an_erasure ON erased_files (partner_id, erasure_id) WHERE gone_at IS NULL;
CALL protect('erased_files');

-- How long a subtenant's data is kept, written by retention.py; null: as long as nobody erases it.
CREATE TABLE retention_rules (
    partner_id      bigint NOT NULL,
    subtenant_no    bigint NOT NULL,
    recordings_days integer CHECK (recordings_days > 0),
    everything_days integer CHECK (everything_days > 0),
    PRIMARY KEY (partner_id, subtenant_no)
);
CALL protect('retention_rules', 'subtenant_no = subtenant_in_hand()');

-- When a recording was removed and the rest of its call was kept; and whose it is, for the list of those that are due.
ALTER TABLE recordings ADD COLUMN removed_at timestamptz, ADD COLUMN subtenant_no bigint;
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
UPDATE recordings r SET subtenant_no = c.subtenant_no
FROM calls c WHERE c.partner_id = r.partner_id AND c.call_id = r.call_id;
RESET ROLE;
ALTER TABLE recordings ALTER COLUMN subtenant_no SET NOT NULL;
CREATE INDEX recordings_kept ON recordings (partner_id, subtenant_no, fetched_at) WHERE removed_at IS NULL;
