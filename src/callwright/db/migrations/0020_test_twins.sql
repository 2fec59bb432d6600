-- Test mode (docs/decisions/test-mode-is-a-twin-partner.md): a partner's test twin is a partner of its own, so that every
-- key, policy, limit, line of the queue and report that is a partner's keeps test data apart from live data.

-- Whose twin it is; null of a live partner, of which there is one twin at most. Written by partners.py.
ALTER TABLE partners
    ADD COLUMN test_of bigint UNIQUE REFERENCES partners,
    ADD CONSTRAINT no_twin_of_itself CHECK (test_of <> partner_id);
