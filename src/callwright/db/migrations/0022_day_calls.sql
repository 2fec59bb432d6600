-- Figures of the customers who are in a disposition now. A disposition changes the group of every earlier call of its
-- customer, so nothing is kept counted by it: the calls of each day are kept in a few bytes each instead, which no change
-- of a disposition touches, and are counted by who the customers are (docs/decisions/days-are-counted-again.md).

-- Written by rollups.py together with the day's counts; how the bytes are read is in day_calls.py.
CREATE TABLE day_calls (
    partner_id   bigint NOT NULL,
    subtenant_no bigint NOT NULL,
    day          date NOT NULL,
    words        jsonb NOT NULL,  -- what calls share, with the number by which the bytes name it
    calls        bytea NOT NULL,  -- 42 bytes for each call, 8 of them of a hash of the customer's id
    named        bytea NOT NULL,  -- 12 bytes for each: what came up in it
    reached      bytea NOT NULL,  -- 2 bytes for each parameter of each that was judged
    PRIMARY KEY (partner_id, subtenant_no, day)
);
ALTER TABLE day_calls
    ALTER COLUMN calls SET STORAGE EXTERNAL, ALTER COLUMN named SET STORAGE EXTERNAL,
    ALTER COLUMN reached SET STORAGE EXTERNAL;  -- to be read as they are
CALL protect('day_calls', 'subtenant_no = subtenant_in_hand()');

-- Who is in a disposition.
CREATE INDEX customers_by_disposition ON customers (partner_id, subtenant_no, disposition_status, customer_id)
    WHERE disposition_status IS NOT NULL;

-- Every day that is kept is counted once more by the worker, the newest first, and read from its calls until then.
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
INSERT INTO recounts_due (partner_id, subtenant_no, at)
SELECT DISTINCT d.partner_id, d.subtenant_no, (d.day + time '12:00') AT TIME ZONE r.time_zone
FROM day_rollups d JOIN rolled_subtenants r USING (partner_id, subtenant_no)
WHERE d.agent_id = '' AND r.time_zone <> '';
RESET ROLE;
