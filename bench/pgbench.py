"""pgbench: the same rows by the same statements, prepared, from a program in C with nothing around it."""

import asyncio
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.batches import HIGHEST, LOWEST, MARK
from bench.figures import BenchFailed
from bench.house import House, binaries
from bench.recorded import accepting, rows_of, script
from callwright.db import Scope

_FRESH = f"\\set fresh random({LOWEST}, {HIGHEST})\n"
_FIELDS = """
    call_id text, body_hash text, recording_url text, start_time timestamptz, end_time timestamptz,
    contact_number text, agent_id text, customer_id text, callback_url text, industry text, function text,
    metadata text, custom_fields text, transcript text
"""


@dataclass(frozen=True, slots=True)
class Script:
    """Files, one for each partner, of which pgbench takes one at random for each transaction; and their variables."""

    files: tuple[Path, ...]
    variables: dict[str, str]


async def accept_script(house: House, size: int) -> Script:
    """The transaction of `calls.accept`: the same words in the same round trips."""
    files, variables = [], dict[str, str]()
    for account in house.accounts:
        lines, variables = script(await asyncio.to_thread(accepting, size, account.scope))
        file = house.folder / f"accept-{size}-{account.scope.partner_id}.sql"
        file.write_text(_FRESH + "\n".join(lines) + "\n")
        files.append(file)
    return Script(tuple(files), variables)


async def bare_script(house: House, size: int) -> Script:
    """The rows of the calls alone, in one statement that is its own transaction."""
    files, rows = [], ""
    for account in house.accounts:
        rows = rows_of(await asyncio.to_thread(accepting, size, account.scope))
        file = house.folder / f"bare-{size}-{account.scope.partner_id}.sql"
        file.write_text(_FRESH + _bare(account.scope))
        files.append(file)
    return Script(tuple(files), {"rows": rows})


def _bare(scope: Scope) -> str:
    return f"""INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time,
    end_time, agent_id, customer_id, contact_number, recording_url, callback_url, industry, function,
    metadata, custom_fields, partner_transcript)
SELECT {scope.partner_id}, call_id, {scope.subtenant_no}, '00000000-0000-0000-0000-000000000000',
    decode(body_hash, 'hex'), 'pending', start_time, end_time, agent_id, customer_id, contact_number, recording_url,
    callback_url, industry, function, metadata::json, custom_fields::json, transcript::json
FROM json_to_recordset(replace(:rows, '{MARK}', :fresh::text)::json) AS r({_FIELDS});
"""


async def run(house: House, script: Script, *, clients: int, seconds: float) -> float:
    """Run a script.

    Args:
        house: Whose database.
        script: What each transaction does.
        clients: Connections.
        seconds: How long.

    Returns:
        Transactions per second, the time to connect left out.

    Raises:
        BenchFailed: A transaction failed.
    """
    command = [
        str(binaries() / "pgbench"),
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        "1",
        "-T",
        str(max(1, round(seconds))),
    ]
    command += [word for name, value in script.variables.items() for word in ("-D", f"{name}={value}")]
    command += [word for file in script.files for word in ("-f", str(file))]
    environment = {"PATH": os.defpath, "LC_ALL": "C", "PGOPTIONS": "-c jit=off -c timezone=UTC", **house.libpq}
    done = await asyncio.to_thread(_finished, command, environment)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or found is None or "aborted" in done.stderr:
        raise BenchFailed(f"pgbench failed: {done.stderr[-800:]}")
    return float(found[1])


def _finished(command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
