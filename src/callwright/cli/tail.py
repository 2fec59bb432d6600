"""`callwright calls tail`: new and ended calls as they come, seen through the API."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from callwright.analysis.text import clean
from callwright.cli.partner_side import ApiKey, SecretFile, Subtenant, Tenant, Url, caller, client_of
from callwright.cli.session import out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from callwright_client.models import ListedCall

FIRST = 10
"""Calls that are shown at the start."""

BACK = timedelta(hours=1)
"""How far back calls are looked for that have not ended yet."""

PAGE, SECONDS_A_PAGE, LEAST_SECONDS = 100, 1.0, 2.0
"""Calls in a page, and what is waited for each that was asked for: half of 120 requests a minute, at most."""

MOST_WATCHED = 5000
"""Calls that are followed to their end at a time, the newest."""

app = typer.Typer(help="Follow calls through the API, as a partner.", no_args_is_help=True)

Event = Literal["received", "completed", "failed"]


@app.callback()
def calls() -> None:
    """Follow calls through the API, as a partner."""


@app.command("tail")
def tail(
    *,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a line of JSON for each: `event` (`received`, `completed`, `failed`) and `call`."
        ),
    ] = False,
    url: Url = None,
    api_key: ApiKey = None,
    api_secret_file: SecretFile = None,
    tenant: Tenant = None,
    subtenant: Subtenant = None,
) -> None:
    """Show the newest calls, then each one as it is received and as it ends, until Ctrl-C."""
    watch = Watch()
    since = datetime.now(UTC) - BACK
    show = _print_json if as_json else _show
    with client_of(caller(url, api_key, api_secret_file, tenant, subtenant)) as client:
        try:
            while True:
                listed = list(islice(client.list_calls(since=watch.since or since), MOST_WATCHED))
                for event, call in watch.news(listed):
                    show(event, call)
                time.sleep(max(LEAST_SECONDS, (1 + len(listed) // PAGE) * SECONDS_A_PAGE))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


class Watch:
    """Knows what was shown of which call.

    Attributes:
        since: The time from which on calls have to be asked for; None at the start.
    """

    def __init__(self) -> None:
        self.since: str | None = None
        self._known: dict[str, bool] = {}
        self._begun = False

    def news(self, listed: "Iterable[ListedCall]") -> "Iterator[tuple[Event, ListedCall]]":
        """What is new about the calls that were received since, which are those received last first."""
        calls = list(listed)
        fresh = [call for call in reversed(calls) if self._known.get(call["id"]) is not _ended(call)]
        if not self._begun:
            fresh, self._begun = fresh[-FIRST:], True
        for call in fresh:
            yield ("failed" if call["status"] == "failed" else "completed") if _ended(call) else "received", call
        self._known = {call["id"]: _ended(call) for call in calls}
        if calls:
            open_calls = [call for call in calls if not _ended(call)]
            self.since = (open_calls[-1] if open_calls else calls[0])["received_at"]


def _ended(call: "ListedCall") -> bool:
    return call["status"] in ("completed", "failed")


def _print_json(event: Event, call: "ListedCall") -> None:
    typer.echo(orjson.dumps({"event": event, "call": call}))


def _show(event: Event, call: "ListedCall") -> None:
    at = call["ended_at"] or call["received_at"]
    words = [
        f"{at[:10]} {at[11:19]}",
        f"{event:<9}",
        *(clean(call[name], 60) for name in ("id", "agent_id", "customer_id")),
    ]
    if call["failure"]:
        words.append(f"{call['failure']['code']}: {clean(call['failure']['message'])}")
    elif event != "received" and call["callback_status"] != "none":
        words.append(f"callback {call['callback_status']}")
    out.print("  ".join(words), style={"completed": "green", "failed": "red"}.get(event), markup=False)
