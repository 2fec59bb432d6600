-- What is done again: callbacks are listed and sent again, and steps wait for what is away on our side.

-- How often the call's step has met an outage of ours; the next step begins at none.
ALTER TABLE calls ADD COLUMN outages smallint NOT NULL DEFAULT 0;

ALTER TABLE callbacks ADD COLUMN subtenant_no bigint;
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
UPDATE callbacks b SET subtenant_no = c.subtenant_no
FROM calls c WHERE c.partner_id = b.partner_id AND c.call_id = b.call_id;
RESET ROLE;
ALTER TABLE callbacks ALTER COLUMN subtenant_no SET NOT NULL;

-- `replaced`: its call was processed again before this result was delivered, which is then not sent any more.
ALTER TABLE callbacks
    DROP CONSTRAINT callbacks_state_check,
    ADD CONSTRAINT callbacks_state_check CHECK (state IN ('pending', 'delivered', 'undelivered', 'replaced'));

CREATE INDEX callbacks_by_time ON callbacks (partner_id, subtenant_no, created_at, callback_id);
CREATE INDEX callbacks_undelivered ON callbacks (partner_id, subtenant_no, created_at, callback_id)
    WHERE state = 'undelivered';

-- A callback says itself whose it is: asked of its call for each row of a list, that cost a tenth of a second.
DROP POLICY partner ON callbacks;
CREATE POLICY partner ON callbacks TO callwright_partner
    USING (partner_id = partner_in_hand() AND (subtenant_in_hand() IS NULL OR subtenant_no = subtenant_in_hand()))
    WITH CHECK (partner_id = partner_in_hand() AND (subtenant_in_hand() IS NULL OR subtenant_no = subtenant_in_hand()));
