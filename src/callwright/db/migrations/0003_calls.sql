-- Batches and calls, written by calls.py; what the pipeline made of a call, written by results.py.

CREATE TABLE batches (
    partner_id   bigint NOT NULL,
    batch_id     uuid NOT NULL,
    subtenant_no bigint NOT NULL,
    call_ids     text[] NOT NULL,
    duplicates   boolean[] NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, batch_id)
);

-- The primary key is the idempotency key too: a second unique index would cost a quarter of the ingest rate. No foreign
-- keys to agents and customers for the same reason; one statement writes all three.
CREATE TABLE calls (
    partner_id         bigint NOT NULL,
    call_id            text COLLATE "C" NOT NULL,
    subtenant_no       bigint NOT NULL,
    batch_id           uuid NOT NULL,
    body_hash          bytea NOT NULL,
    state              text NOT NULL DEFAULT 'received'
                       CHECK (state IN ('received', 'fetched', 'transcribed', 'completed', 'failed')),
    callback_state     text NOT NULL
                       CHECK (callback_state IN ('none', 'pending', 'delivered', 'undelivered')),
    attempts           smallint NOT NULL DEFAULT 0,
    failure_code       text,
    failure_message    text,
    start_time         timestamptz NOT NULL,
    end_time           timestamptz NOT NULL,
    received_at        timestamptz NOT NULL DEFAULT now(),
    changed_at         timestamptz NOT NULL DEFAULT now(),
    ended_at           timestamptz,
    agent_id           text COLLATE "C" NOT NULL,
    customer_id        text COLLATE "C" NOT NULL,
    contact_number     text NOT NULL,
    recording_url      text NOT NULL,
    callback_url       text,
    industry           text,
    function           text,
    metadata           json,
    custom_fields      json,
    partner_transcript json,
    PRIMARY KEY (partner_id, call_id),
    CHECK ((state = 'failed') = (failure_code IS NOT NULL))
) WITH (fillfactor = 80);

CREATE TABLE recordings (
    partner_id       bigint NOT NULL,
    call_id          text COLLATE "C" NOT NULL,
    store_key        text NOT NULL,
    size             bigint NOT NULL,
    sha256           bytea NOT NULL,
    container        text NOT NULL,
    codec            text,
    sample_rate      integer,
    channels         smallint,
    seconds          double precision,
    declared_seconds double precision,
    peaks            bytea[],
    fetched_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, call_id)
);

CREATE TABLE transcripts (
    partner_id bigint NOT NULL,
    call_id    text COLLATE "C" NOT NULL,
    engine     text NOT NULL,
    quality    text NOT NULL,
    body       jsonb NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, call_id)
);

CREATE TABLE analyses (
    partner_id    bigint NOT NULL,
    call_id       text COLLATE "C" NOT NULL,
    engine        text NOT NULL,
    intent        text,
    intent_score  smallint,
    quality_score smallint,
    body          jsonb NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, call_id)
);
