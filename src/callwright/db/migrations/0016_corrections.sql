-- What a person says of a call in the place of what the machine said: kept beside it, never over it, and never deleted
-- but with the call. Written by corrections.py. The latest row of a subject is in force; one without a value takes back.

CREATE TABLE corrections (
    partner_id    bigint NOT NULL,
    call_id       text COLLATE "C" NOT NULL,
    correction_no bigint GENERATED ALWAYS AS IDENTITY,
    kind          text NOT NULL CHECK (kind IN ('speaker', 'text', 'intent', 'score')),
    subject       text NOT NULL,            -- the turn's id, or the parameter's name; empty for the intent
    value         text,
    machine_value text,                     -- what the machine said at the time
    rubric        text,                     -- of a score: the rubric of the analysis that it is about
    said_by       text NOT NULL,            -- as the person called itself: the dashboard's token names nobody
    said_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, call_id, correction_no)
);

CALL protect('corrections', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = corrections.partner_id AND c.call_id = corrections.call_id)');
