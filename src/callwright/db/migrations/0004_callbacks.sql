-- Callbacks and every try to deliver them; written by callbacks.py.

CREATE TABLE callbacks (
    partner_id      bigint NOT NULL,
    callback_id     text COLLATE "C" NOT NULL,
    call_id         text COLLATE "C" NOT NULL,
    url             text NOT NULL,
    body            bytea NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'undelivered')),
    attempts        smallint NOT NULL DEFAULT 0,
    allowed         smallint NOT NULL,  -- grows when it is sent again, so that every try keeps its number
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz,
    PRIMARY KEY (partner_id, callback_id)
);

CREATE INDEX callbacks_of_a_call ON callbacks (partner_id, call_id);

CREATE TABLE callback_attempts (
    partner_id  bigint NOT NULL,
    callback_id text COLLATE "C" NOT NULL,
    attempt     smallint NOT NULL,
    started_at  timestamptz NOT NULL,
    elapsed_ms  integer NOT NULL,
    http_status smallint,
    error       text,
    answer      text,
    PRIMARY KEY (partner_id, callback_id, attempt)
);
