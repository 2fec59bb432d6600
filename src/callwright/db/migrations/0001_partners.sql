-- Partners, their credentials and the tenants they act for; written by partners.py.

CREATE TABLE partners (
    partner_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    api_key        text NOT NULL UNIQUE,
    auto_provision boolean NOT NULL DEFAULT false,
    rate_limit     integer CHECK (rate_limit > 0),
    agent_channel  smallint NOT NULL DEFAULT 0 CHECK (agent_channel IN (0, 1)),
    created_at     timestamptz NOT NULL DEFAULT now(),
    revoked_at     timestamptz
);

-- API secrets are kept as a hash. Webhook secrets must be read back to sign, so they are sealed with the secret key.
CREATE TABLE partner_secrets (
    partner_id bigint NOT NULL REFERENCES partners,
    secret_no  bigint GENERATED ALWAYS AS IDENTITY,
    kind       text NOT NULL CHECK (kind IN ('api', 'webhook')),
    hash       bytea,
    sealed     bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    PRIMARY KEY (partner_id, secret_no),
    CHECK ((kind = 'api') = (hash IS NOT NULL)),
    CHECK ((kind = 'webhook') = (sealed IS NOT NULL))
);

-- A subtenant gets a number, so that the rows of calls carry eight bytes for both names.
CREATE TABLE subtenants (
    partner_id   bigint NOT NULL REFERENCES partners,
    tenant_id    text NOT NULL,
    subtenant_id text NOT NULL,
    subtenant_no bigint GENERATED ALWAYS AS IDENTITY,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, tenant_id, subtenant_id),
    UNIQUE (partner_id, subtenant_no)
);

-- Requests of the last minute, one row each: an exact moving window. `head` counts requests taken, `tail` those expired.
CREATE UNLOGGED TABLE rate_windows (
    bucket text PRIMARY KEY,
    head   bigint NOT NULL DEFAULT 0,
    tail   bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE rate_stamps (
    bucket   text NOT NULL,
    n        bigint NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, n)
);

-- Takes one request from a bucket that allows `most` in any `span`; says whether it was allowed, how many are left and
-- the seconds until one more is free. With `take` false it only looks. A bucket's requests queue behind its row, so the
-- answer is exact over all processes.
CREATE FUNCTION take_request(of_bucket text, most integer, span interval, take boolean)
RETURNS TABLE (allowed boolean, remaining integer, wait_seconds double precision)
LANGUAGE plpgsql AS $$
DECLARE
    w rate_windows;
    oldest timestamptz;
    at_time timestamptz;
BEGIN
    INSERT INTO rate_windows (bucket) VALUES (of_bucket) ON CONFLICT DO NOTHING;
    SELECT * INTO w FROM rate_windows WHERE bucket = of_bucket FOR UPDATE;
    at_time := clock_timestamp();
    LOOP
        SELECT taken_at INTO oldest FROM rate_stamps WHERE bucket = of_bucket AND n = w.tail;
        EXIT WHEN w.tail >= w.head OR oldest > at_time - span;
        DELETE FROM rate_stamps WHERE bucket = of_bucket AND n = w.tail;
        w.tail := w.tail + 1;
    END LOOP;
    allowed := w.head - w.tail < most;
    IF allowed AND take THEN
        INSERT INTO rate_stamps VALUES (of_bucket, w.head, at_time)
        ON CONFLICT (bucket, n) DO UPDATE SET taken_at = excluded.taken_at;
        w.head := w.head + 1;
        oldest := coalesce(oldest, at_time);
    END IF;
    UPDATE rate_windows SET head = w.head, tail = w.tail WHERE bucket = of_bucket;
    IF NOT allowed THEN  -- a limit that was lowered waits until enough of the window has passed
        SELECT taken_at INTO oldest FROM rate_stamps WHERE bucket = of_bucket AND n = w.head - most;
    END IF;
    remaining := greatest(most - (w.head - w.tail), 0);
    wait_seconds := coalesce(extract(epoch FROM oldest + span - at_time), 0);
    RETURN NEXT;
END $$;
