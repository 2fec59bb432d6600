-- The dashboards that partners embed: who may frame them, whose days they show, and the keys that sign their tokens.

-- Written by partners.py: origins as `https://crm.example`, and a time zone of the tz database.
ALTER TABLE partners
    ADD COLUMN frame_origins text[] NOT NULL DEFAULT '{}',
    ADD COLUMN time_zone     text NOT NULL DEFAULT 'UTC';

-- Written by token_keys.py: of the house, not of a partner, and so closed to transactions that see one partner's rows.
CREATE TABLE token_keys (
    key_id         text PRIMARY KEY,
    sealed         bytea NOT NULL,
    made_at        timestamptz NOT NULL DEFAULT now(),
    signs_until    timestamptz NOT NULL,
    verifies_until timestamptz NOT NULL
);
ALTER TABLE token_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY operator ON token_keys TO callwright_operator USING (true) WITH CHECK (true);
