-- Lists of dispositions over time, and answers that are given again to a request that is sent again.

-- By when they took effect, for pages of a subtenant's changes.
CREATE INDEX dispositions_by_time ON dispositions (partner_id, subtenant_no, effective_at);

-- Written by idempotency.py: what was answered to requests that carried an Idempotency-Key, for a day.
CREATE TABLE idempotent_answers (
    partner_id   bigint NOT NULL,
    subtenant_no bigint NOT NULL,
    key          text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,             -- of method, path and body: the key belongs to this request
    answer       bytea NOT NULL,
    answered_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, subtenant_no, key)
);
CREATE INDEX idempotent_answers_by_time ON idempotent_answers (answered_at);
CALL protect('idempotent_answers', 'subtenant_no = subtenant_in_hand()');
