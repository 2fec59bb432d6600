-- Logins: every one that was refused, and once a minute that somebody was let in; written by audit.py. Of the key that
-- was sent only what looks like a key is kept: where the two headers were swapped it is the secret.

CREATE TABLE login_audit (
    login_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    outcome    text NOT NULL CHECK (outcome IN ('let in', 'wrong secret', 'revoked key', 'unknown key', 'shut out')),
    partner_id bigint,
    api_key    text,
    address    text NOT NULL,
    request_id text NOT NULL
);

CREATE INDEX login_audit_by_time ON login_audit (at);
CREATE INDEX login_audit_of_a_partner ON login_audit (partner_id, login_no);
