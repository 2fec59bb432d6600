-- Fair order between partners (docs/decisions/fair-order.md). `share`: how much of the machine a partner gets beside others.

ALTER TABLE partners ADD COLUMN share integer NOT NULL DEFAULT 100 CHECK (share BETWEEN 1 AND 1000);

-- Written by queue.py. The line `fetch` is that step's clock: the largest tag that was taken. The line `fetch/7` is where
-- partner 7 goes on in that step. Lost at a crash, it is made again from the tags of the jobs that are queued.
CREATE UNLOGGED TABLE fair_order (
    line text COLLATE "C" PRIMARY KEY,
    tag  bigint NOT NULL
) WITH (fillfactor = 50);
