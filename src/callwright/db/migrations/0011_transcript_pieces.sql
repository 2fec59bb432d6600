-- What a long call has been put into words so far, until its transcript is there: a crash repeats minutes, not the hour.

CREATE TABLE transcript_pieces (
    partner_id bigint NOT NULL,
    call_id    text COLLATE "C" NOT NULL,
    number     integer NOT NULL,            -- 0 is who speaks when, and the language; then the words, group by group
    basis      bytea NOT NULL,              -- a hash of all that it rests on; of another basis it is of no use
    body       jsonb NOT NULL,
    saved_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, call_id, number)
);

CALL protect('transcript_pieces', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = transcript_pieces.partner_id AND c.call_id = transcript_pieces.call_id)');
