-- What a call that has ended, completed or failed, adds to the picture of its customer and of its agent: labels and
-- figures, no words that were said. Written by ended_calls.py with the state and the analysis, so that the rollups need
-- no scan of calls and the ingest no further index (docs/decisions/rollups-are-read-not-kept.md).

CREATE TABLE ended_calls (
    partner_id         bigint NOT NULL,
    subtenant_no       bigint NOT NULL,
    customer_id        text COLLATE "C" NOT NULL,
    end_time           timestamptz NOT NULL,
    call_id            text COLLATE "C" NOT NULL,
    start_time         timestamptz NOT NULL,
    agent_id           text COLLATE "C" NOT NULL,
    completed          boolean NOT NULL,
    intent             text,
    intent_score       smallint,
    quality_score      smallint,
    bant               text[] NOT NULL DEFAULT '{}',      -- the fields that the call came to
    concerns           text[] NOT NULL DEFAULT '{}',      -- the categories of what stood in the way
    topics             text[] NOT NULL DEFAULT '{}',      -- the labels of the qualification topics that came up
    quality_parameters text[] NOT NULL DEFAULT '{}',      -- those that were assessed; the next two are in their order
    quality_reached    smallint[] NOT NULL DEFAULT '{}',
    quality_maxima     smallint[] NOT NULL DEFAULT '{}',
    metrics            jsonb,                             -- as in the analysis; null where the call failed
    PRIMARY KEY (partner_id, subtenant_no, customer_id, end_time, call_id)
);

CREATE INDEX ended_calls_by_time ON ended_calls (partner_id, subtenant_no, end_time);

CALL protect('ended_calls', 'subtenant_no = subtenant_in_hand()');

-- The calls that ended before.
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
INSERT INTO ended_calls
SELECT c.partner_id, c.subtenant_no, c.customer_id, c.end_time, c.call_id, c.start_time, c.agent_id,
    c.state = 'completed', a.intent, a.intent_score, a.quality_score,
    array_remove(ARRAY[
        CASE WHEN a.body #>> '{bant,needs,text}' <> '' THEN 'needs' END,
        CASE WHEN a.body #>> '{bant,objection,text}' <> '' THEN 'objection' END,
        CASE WHEN a.body #>> '{bant,concern_categories,text}' <> '' THEN 'concern_categories' END,
        CASE WHEN a.body #>> '{bant,objection_handling,text}' <> '' THEN 'objection_handling' END], NULL),
    array_remove(ARRAY[nullif(a.body #>> '{bant,concern_categories,text}', '')], NULL),
    ARRAY(SELECT topic ->> 'label' FROM jsonb_array_elements(a.body -> 'qualification') WITH ORDINALITY AS t(topic, ord)
          GROUP BY topic ->> 'label' ORDER BY min(ord)),
    coalesce(quality.parameters, '{}'), coalesce(quality.reached, '{}'), coalesce(quality.maxima, '{}'),
    a.body -> 'metrics'
FROM calls c
LEFT JOIN analyses a ON a.partner_id = c.partner_id AND a.call_id = c.call_id AND c.state = 'completed'
LEFT JOIN LATERAL (
    SELECT array_agg(judged ->> 'parameter_name' ORDER BY ord) AS parameters,
        array_agg((judged ->> 'inference_score')::smallint ORDER BY ord) AS reached,
        array_agg((judged ->> 'parameter_score')::smallint ORDER BY ord) AS maxima
    FROM jsonb_array_elements(a.body -> 'quality') WITH ORDINALITY AS q(judged, ord)
    WHERE judged ->> 'inference_score' IS NOT NULL
) AS quality ON true
WHERE c.state IN ('completed', 'failed');
RESET ROLE;
