-- The second lock behind the queries, which all name the partner: a transaction says whose rows it may see, and the
-- others are not there. FORCE holds the owner of the tables to it as well. The roles are made by db/roles.py.

CREATE FUNCTION partner_in_hand() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('callwright.partner_id', true), '')::bigint;

CREATE FUNCTION subtenant_in_hand() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('callwright.subtenant_no', true), '')::bigint;

-- Lock a table of a partner's data: `callwright_partner` sees the partner in hand, `callwright_operator` everything.
-- `of_subtenant` says of a row whether it is the subtenant's in hand, where one is.
CREATE PROCEDURE protect(of_table regclass, of_subtenant text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    mine text := 'partner_id = partner_in_hand()'
        || coalesce(' AND (subtenant_in_hand() IS NULL OR ' || of_subtenant || ')', '');
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', of_table);
    EXECUTE format('CREATE POLICY partner ON %s TO callwright_partner USING (%s) WITH CHECK (%s)', of_table, mine, mine);
    EXECUTE format('CREATE POLICY operator ON %s TO callwright_operator USING (true) WITH CHECK (true)', of_table);
END $$;

CALL protect('partners');
CALL protect('partner_secrets');
CALL protect('subtenants');
CALL protect('agents', 'subtenant_no = subtenant_in_hand()');
CALL protect('customers', 'subtenant_no = subtenant_in_hand()');
CALL protect('dispositions', 'subtenant_no = subtenant_in_hand()');
CALL protect('batches', 'subtenant_no = subtenant_in_hand()');
CALL protect('calls', 'subtenant_no = subtenant_in_hand()');
CALL protect('login_audit');

-- What hangs on a call is seen where the call is.
CALL protect('recordings', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = recordings.partner_id AND c.call_id = recordings.call_id)');
CALL protect('transcripts', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = transcripts.partner_id AND c.call_id = transcripts.call_id)');
CALL protect('analyses', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = analyses.partner_id AND c.call_id = analyses.call_id)');
CALL protect('callbacks', 'EXISTS (SELECT FROM calls c
    WHERE c.partner_id = callbacks.partner_id AND c.call_id = callbacks.call_id)');
CALL protect('callback_attempts', 'EXISTS (SELECT FROM callbacks c
    WHERE c.partner_id = callback_attempts.partner_id AND c.callback_id = callback_attempts.callback_id)');

-- The tables that are there, the queue's among them, and those that come.
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO callwright_partner, callwright_operator', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I
        TO callwright_partner, callwright_operator', current_schema());
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO callwright_partner, callwright_operator', current_schema());
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES
        TO callwright_partner, callwright_operator', current_schema());
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES
        TO callwright_partner, callwright_operator', current_schema());
END $$;
