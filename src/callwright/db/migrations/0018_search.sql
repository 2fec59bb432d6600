-- Words in transcripts (docs/decisions/search-in-windows.md). No table of its own: what is found is read from the
-- transcripts themselves, by an index that goes with their rows.

-- Words as people say them: English and Latin script stemmed as English, Devanagari as Hindi, and none of them dropped:
-- "not interested" is not "interested".
CREATE TEXT SEARCH DICTIONARY english_words (TEMPLATE = snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION spoken (COPY = hindi);
ALTER TEXT SEARCH CONFIGURATION spoken ALTER MAPPING REPLACE english_stem WITH english_words;

-- What is said in the form in which it is searched. The locale of the server decides what a letter is, and in C every
-- character beyond ASCII is one: marks and signs of other scripts, as the danda, become blanks here. One of the ways to
-- write a letter with a dot below is kept. A tsvector holds 1 MB; 250,000 characters are less, whatever they are.
CREATE FUNCTION searched_text(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(said) = length(said) THEN left(said, 250000) ELSE regexp_replace(
        normalize(left(said, 250000)),
        '[\u0080-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb-\u00bf\u00d7\u00f7\u0964\u0965\u0970\u2000-\u200b'
        '\u200e-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3007-\u3020\ufe50-\ufe6f\uff01-\uff0f]', ' ', 'g') END;

CREATE FUNCTION said_words(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_tsvector('spoken', searched_text(said));

-- All the words of a transcript, which tell of a call whether any of its turns has to be looked at.
CREATE FUNCTION transcript_words(body jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN strip(said_words((SELECT string_agg(turn #>> '{}', ' ') FROM jsonb_path_query(body, '$.turns[*].text') AS turn)));

-- By what else transcripts are looked up: the spans of 1, 32, 1,024 and 32,768 days in which a partner's call ended, and
-- a hash of its subtenant, its agent and its customer; others of the same hash are sorted out by the call. Days are
-- counted from 1970, and those before and after the 32,768 as the first and the last.
CREATE FUNCTION search_day(at timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN greatest(0, least(32767, (at AT TIME ZONE 'UTC')::date - date '1970-01-01'));

CREATE FUNCTION span_key(partner_id bigint, level integer, number integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (partner_id * 4 + level) * 32768 + number;

CREATE FUNCTION name_key(kind text, name text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN -1 - abs(hashtextextended(kind || ' ' || name, 0) / 2);

CREATE FUNCTION search_keys(
    partner_id bigint, subtenant_no bigint, end_time timestamptz, agent_id text, customer_id text
) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT span_key(partner_id, level, search_day(end_time) >> 5 * level) FROM generate_series(0, 3) AS level)
        || name_key('subtenant', subtenant_no::text) || name_key('agent', agent_id) || name_key('customer', customer_id);

-- Whose a transcript is and when its call ended, as the call itself says, which never changes in this.
ALTER TABLE transcripts ADD COLUMN end_time timestamptz, ADD COLUMN search_keys bigint[];
SET LOCAL ROLE callwright_operator;  -- row level security holds the tables' owner too
UPDATE transcripts t
SET end_time = c.end_time,
    search_keys = search_keys(c.partner_id, c.subtenant_no, c.end_time, c.agent_id, c.customer_id)
FROM calls c WHERE c.partner_id = t.partner_id AND c.call_id = t.call_id;
RESET ROLE;

CREATE INDEX transcripts_by_words ON transcripts USING gin (search_keys, transcript_words(body));
-- No plan hangs on what an analysis of the table would compute the words of thousands of transcripts for.
ALTER INDEX transcripts_by_words ALTER COLUMN 2 SET STATISTICS 0;
ALTER TABLE transcripts ALTER COLUMN search_keys SET STATISTICS 0;
