"""All that the catalogue says of the tables of a database, in a form in which two can be compared."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import asyncpg

# Each gives a table's name, what kind of thing it has, that thing's name, and all that there is to say of it.
_OF_TABLES = {
    "table": """
        SELECT c.relname, c.relname, pg_get_userbyid(c.relowner), c.relpersistence::text, c.relrowsecurity,
            c.relforcerowsecurity, c.relreplident::text, obj_description(c.oid, 'pg_class'),
            ARRAY(SELECT a::text FROM unnest(c.relacl) AS a ORDER BY 1)
        FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    """,
    "column": """
        SELECT c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
            format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity::text,
            a.attgenerated::text, a.attcollation::regcollation::text, a.attstorage::text, a.attcompression::text,
            coalesce(a.attstattarget, -1), a.attoptions, a.attacl::text, col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
            AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraint": """
        SELECT c.relname, con.conname, con.contype::text, pg_get_constraintdef(con.oid), con.convalidated
        FROM pg_class c JOIN pg_constraint con ON con.conrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    """,
    "index": """
        SELECT c.relname, n.relname, replace(pg_get_indexdef(n.oid), ' ON ONLY ', ' ON '), i.indisprimary,
            i.indisunique, i.indisvalid, i.indisready, i.indisreplident, n.reloptions,
            obj_description(n.oid, 'pg_class'),
            ARRAY(SELECT coalesce(attstattarget, -1)::integer FROM pg_attribute WHERE attrelid = n.oid ORDER BY attnum)
        FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class n ON n.oid = i.indexrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    """,
    "policy": """
        SELECT c.relname, p.polname, p.polcmd::text, p.polpermissive, p.polroles::regrole[]::text[],
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace
    """,
    "trigger": """
        SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text
        FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
    """,
    "sequence": """
        SELECT c.relname, n.relname, pg_get_userbyid(n.relowner), s.seqtypid::regtype::text, s.seqstart, s.seqincrement,
            s.seqmax, s.seqmin, s.seqcache, s.seqcycle, pg_sequence_last_value(n.oid),
            ARRAY(SELECT x::text FROM unnest(n.relacl) AS x ORDER BY 1), a.attname
        FROM pg_class c JOIN pg_depend d ON d.refobjid = c.oid AND d.deptype = 'i' AND d.classid = 'pg_class'::regclass
        JOIN pg_class n ON n.oid = d.objid AND n.relkind = 'S' JOIN pg_sequence s ON s.seqrelid = n.oid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
        WHERE n.relnamespace = current_schema()::regnamespace
    """,
    "statistics": """
        SELECT c.relname, s.stxname, pg_get_statisticsobjdef(s.oid)
        FROM pg_class c JOIN pg_statistic_ext s ON s.stxrelid = c.oid
        WHERE s.stxnamespace = current_schema()::regnamespace
    """,
}
_STORED = """
    SELECT c.oid, c.relname AS name, c.reloptions AS options, c.relreplident::text AS identity,
        (SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid) AS aside,
        coalesce(parent.relname, c.relname) AS of_table
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    WHERE c.relkind = 'r' AND coalesce(parent.relnamespace, c.relnamespace) = current_schema()::regnamespace
"""


async def tables(connection: asyncpg.Connection) -> dict[str, dict[tuple[str, str], tuple[Any, ...]]]:
    """What each table has and is, by its name, the kind of thing and the thing's name."""
    found: dict[str, dict[tuple[str, str], tuple[Any, ...]]] = defaultdict(dict)
    for kind, query in _OF_TABLES.items():
        for table, name, *rest in await connection.fetch(query):
            found[table][kind, name] = tuple(rest)
    return dict(found)


async def storage(connection: asyncpg.Connection) -> dict[str, set[tuple[Any, ...]]]:
    """How each table's rows are stored, by its name; one entry where all of its partitions are alike."""
    found: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for row in await connection.fetch(_STORED):
        columns = await connection.fetch(
            """
            SELECT attname, attstorage::text, attcompression::text, coalesce(attstattarget, -1)::integer, attoptions
            FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attname
            """,
            row["oid"],
        )
        indexes = await connection.fetch(
            """
            SELECT substr(pg_get_indexdef(indexrelid), strpos(pg_get_indexdef(indexrelid), ' USING ')), indisprimary,
                indisunique, indisvalid, indisreplident,
                (SELECT array_agg(coalesce(attstattarget, -1)::integer ORDER BY attnum) FROM pg_attribute
                 WHERE attrelid = indexrelid)
            FROM pg_index WHERE indrelid = $1 ORDER BY 1
            """,
            row["oid"],
        )
        triggers = await connection.fetch(
            """
            SELECT tgname, tgenabled::text FROM pg_trigger
            WHERE tgrelid = $1 AND tgfoid = to_regproc('note') ORDER BY 1
            """,
            row["oid"],
        )
        known = row["options"], row["aside"], row["identity"]
        parts = *known, *map(tuple, columns), *map(tuple, indexes), *map(tuple, triggers)
        found[row["of_table"]].add(tuple(_hashable(each) for each in parts))
    return dict(found)


def differences(one: Mapping[str, Mapping[Any, Any]], two: Mapping[str, Mapping[Any, Any]]) -> list[str]:
    """What is not the same in both, a line for each thing."""
    keys = {(table, thing) for side in (one, two) for table, things in side.items() for thing in things}
    return [
        f"{table} {thing}: {one.get(table, {}).get(thing)} | {two.get(table, {}).get(thing)}"
        for table, thing in sorted(keys)
        if one.get(table, {}).get(thing) != two.get(table, {}).get(thing)
    ]


def _hashable(value: Any) -> Any:
    return tuple(_hashable(each) for each in value) if isinstance(value, list | tuple) else value
