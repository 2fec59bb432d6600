-- By what the calls of a subtenant are judged, written by rubrics.py; and the analyses that came before a call's
-- current one, written by results.py.

-- The body is the document as it was applied; the highest version is the one in force.
CREATE TABLE rubrics (
    partner_id   bigint NOT NULL,
    subtenant_no bigint NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    body         jsonb NOT NULL,
    applied_by   text NOT NULL CHECK (applied_by IN ('api', 'command')),
    applied_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, subtenant_no, version)
);
CALL protect('rubrics', 'subtenant_no = subtenant_in_hand()');

-- What a list of analyses says of each without reading its body; null in those made before.
ALTER TABLE analyses ADD COLUMN version text, ADD COLUMN rubric text;

-- The current analysis stays where it is: the pipeline goes on to insert one row, and to read one.
CREATE TABLE former_analyses (
    partner_id    bigint NOT NULL,
    call_id       text COLLATE "C" NOT NULL,
    analysis_no   integer NOT NULL,
    engine        text NOT NULL,
    version       text,
    rubric        text,
    intent        text,
    intent_score  smallint,
    quality_score smallint,
    body          jsonb NOT NULL,
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (partner_id, call_id, analysis_no)
);
CALL protect('former_analyses', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = former_analyses.partner_id AND c.call_id = former_analyses.call_id)');
