"""What makes up a table beside its rows, read from the catalogue as the statements that make it again."""

from dataclasses import dataclass

from callwright.db import Connection

_NAME_BYTES = 56
"""Of an index's name that its parts on the partitions take over: `_00` follows, and PostgreSQL takes 63 bytes."""


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Index:
    """An index, and the constraint that it stands behind where there is one.

    Attributes:
        name: Its name, which is its constraint's too.
        constraint: The constraint as `PRIMARY KEY (partner_id, call_id)`; None for a plain index.
        how: A plain index from `USING` on.
        unique: Whether a plain index is unique.
        statistics: What follows `ALTER INDEX name`, for each column that has a target of its own.
        identifies: Whether logical replication knows a row by it: the table's `REPLICA IDENTITY USING INDEX`.
        size: Its bytes.
    """

    name: str
    constraint: str | None
    how: str
    unique: bool
    statistics: list[str]
    identifies: bool
    size: int

    def part(self, number: int) -> str:
        """What it is called on a partition."""
        return f"{self.name.encode()[:_NAME_BYTES].decode(errors='ignore')}_{number:02}"

    def made(self, table: str, name: str) -> str:
        """The statement that makes it on a table, under a name."""
        if self.constraint is not None:
            return f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {self.constraint}"
        return f"CREATE {'UNIQUE ' if self.unique else ''}INDEX {quoted(name)} ON {table} {self.how}"


@dataclass(frozen=True, slots=True)
class Form:
    """A table.

    Attributes:
        oid: Its number.
        name: Its name.
        owner: The role that owns it, quoted.
        tablespace: Where it lies; empty for the database's own.
        columns: The columns that are written, quoted.
        options: Storage options of the table and, as `toast.…`, of what it keeps aside; empty for none.
        settings: What follows `ALTER TABLE name`, on the partitions too: for each column that has settings of its own,
            and for a replica identity that is no index.
        indexes: The constraints first.
        first: The statements that drop what would not go with the table: the policies of others that ask this one, and
            statistics.
        afterwards: All else, in order: foreign keys, triggers, statistics, comments, rights, row level security, and
            the policies, those of other tables too.
        sequences: The number of the sequence of each identity column, by the column's name.
        blocks: Its length in blocks of the server.
        size: Its bytes without the indexes.
    """

    oid: int
    name: str
    owner: str
    tablespace: str
    columns: str
    options: str
    settings: list[str]
    indexes: list[Index]
    first: list[str]
    afterwards: list[str]
    sequences: dict[str, int]
    blocks: int
    size: int


_TABLE = """
    SELECT c.oid, quote_ident(pg_get_userbyid(c.relowner)) AS owner,
        coalesce((SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace), '') AS tablespace,
        (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FILTER (WHERE attgenerated = '')
         FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
        array_to_string(c.reloptions || ARRAY(SELECT 'toast.' || o FROM pg_class t, unnest(t.reloptions) AS o
                                              WHERE t.oid = c.reltoastrelid), ', ') AS options,
        ARRAY(SELECT format('ALTER COLUMN %I SET STATISTICS %s', attname, attstattarget)
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND attstattarget >= 0 AND NOT attisdropped
              UNION ALL SELECT format('ALTER COLUMN %I SET (%s)', attname, array_to_string(attoptions, ', '))
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND attoptions IS NOT NULL AND NOT attisdropped
              UNION ALL SELECT 'REPLICA IDENTITY ' || CASE c.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
              WHERE c.relreplident IN ('f', 'n')
        ) AS settings,
        pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks, pg_table_size(c.oid) AS size
    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1
"""

_INDEXES = """
    SELECT c.relname AS name,
        pg_get_constraintdef(con.oid)
            || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS constraint,
        substr(pg_get_indexdef(c.oid), strpos(pg_get_indexdef(c.oid), ' USING ') + 1) AS how, i.indisunique AS unique,
        ARRAY(SELECT format('ALTER COLUMN %s SET STATISTICS %s', attnum, attstattarget)
              FROM pg_attribute WHERE attrelid = c.oid AND attstattarget >= 0 ORDER BY attnum) AS statistics,
        i.indisreplident AS identifies, pg_relation_size(c.oid) AS size
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_constraint con
        ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u')
    WHERE i.indrelid = $1 ORDER BY con.oid IS NULL, c.relname
"""

_POLICIES = """
    SELECT p.polrelid = $1 AS own, format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass) AS gone,
        format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass,
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                ELSE 'ALL' END,
            (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ')
             FROM unnest(p.polroles) AS r))
            || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
            || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') AS again
    FROM pg_policy p
    WHERE p.polrelid = $1 OR EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1)
    ORDER BY p.polrelid, p.polname
"""

_STATISTICS = """
    SELECT format('DROP STATISTICS %I.%I', stxnamespace::regnamespace, stxname) AS statement
    FROM pg_statistic_ext WHERE stxrelid = $1
"""

_SEQUENCES = """
    SELECT a.attname AS column, d.objid AS sequence
    FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
        AND d.deptype = 'i' AND a.attidentity <> ''
"""

# Names are as the search path finds them, and so are those of the table that takes this one's place. $2: the sequences.
_AFTERWARDS = """
    WITH granted AS (
        SELECT c.relkind, c.oid::regclass AS name, c.relowner, a.*
        FROM pg_class c, aclexplode(c.relacl) AS a WHERE c.oid = $1 OR c.oid = ANY($2::oid[])
    ), granted_columns AS (
        SELECT format('%s (%I)', a.privilege_type, t.attname) AS what, a.grantee, a.is_grantable
        FROM pg_attribute t, aclexplode(t.attacl) AS a WHERE t.attrelid = $1 AND NOT t.attisdropped
    )
    SELECT statement FROM (
        SELECT 1 AS step, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
            pg_get_constraintdef(oid)) AS statement
        FROM pg_constraint WHERE conrelid = $1 AND contype = 'f'
        UNION ALL SELECT 2, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal
        UNION ALL SELECT 3, format('ALTER TABLE %s %s TRIGGER %I', $1::regclass,
            CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, tgname)
        FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled <> 'O'
        UNION ALL SELECT 3, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = $1
        UNION ALL SELECT 4, format('COMMENT ON TABLE %s IS %L', $1::regclass, obj_description($1, 'pg_class'))
        WHERE obj_description($1, 'pg_class') IS NOT NULL
        UNION ALL SELECT 4, format('COMMENT ON INDEX %s IS %L', indexrelid::regclass,
            obj_description(indexrelid, 'pg_class'))
        FROM pg_index WHERE indrelid = $1 AND obj_description(indexrelid, 'pg_class') IS NOT NULL
        UNION ALL SELECT 5, format('GRANT %s ON %s %s TO %s%s', privilege_type,
            CASE WHEN relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, name,
            CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM granted WHERE grantee <> relowner
        UNION ALL SELECT 5, format('GRANT %s ON %s TO %s%s', what, $1::regclass,
            CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM granted_columns
        UNION ALL SELECT 6, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', $1::regclass)
        FROM pg_class WHERE oid = $1 AND relrowsecurity
        UNION ALL SELECT 6, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', $1::regclass)
        FROM pg_class WHERE oid = $1 AND relforcerowsecurity
    ) AS s ORDER BY step, statement
"""

# What is made again here needs no mention; whatever else rests on the table would be lost with it.
_IN_THE_WAY = """
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_depend d
    WHERE d.deptype = 'n' AND d.classid <> 'pg_policy'::regclass
        AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
            OR d.refclassid = 'pg_type'::regclass AND d.refobjid = (SELECT reltype FROM pg_class WHERE oid = $1))
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE oid = d.objid AND d.classid = tableoid AND conrelid = $1)
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND d.classid = tableoid AND tgrelid = $1)
    UNION SELECT pg_describe_object('pg_publication_rel'::regclass, oid, 0) FROM pg_publication_rel WHERE prrelid = $1
    UNION SELECT pg_describe_object('pg_constraint'::regclass, oid, 0) FROM pg_constraint
    WHERE conrelid = $1 AND contype = 'x'
    ORDER BY 1
"""


async def read_form(connection: Connection, table: str) -> Form:
    """Read a table of the schema that is searched first.

    Args:
        connection: On which nobody else changes the table.
        table: Its name.
    """
    row = await connection.fetchrow(_TABLE, table)
    assert row is not None
    sequences = {each["column"]: each["sequence"] for each in await connection.fetch(_SEQUENCES, row["oid"])}
    policies = await connection.fetch(_POLICIES, row["oid"])
    afterwards = await connection.fetch(_AFTERWARDS, row["oid"], list(sequences.values()))
    return Form(
        **row,
        name=table,
        indexes=[Index(**each) for each in await connection.fetch(_INDEXES, row["oid"])],
        first=[each["gone"] for each in policies if not each["own"]]
        + [each["statement"] for each in await connection.fetch(_STATISTICS, row["oid"])],
        afterwards=[each["statement"] for each in afterwards] + [each["again"] for each in policies],
        sequences=sequences,
    )


async def in_the_way(connection: Connection, table: str) -> list[str]:
    """What else rests on a table, in the server's words: views, foreign keys of others, publications."""
    rows = await connection.fetch(_IN_THE_WAY, await connection.fetchval("SELECT to_regclass($1)::oid", table))
    return [row["pg_describe_object"] for row in rows]
