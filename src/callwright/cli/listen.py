"""`callwright listen`: callbacks seen as they come, on a developer's machine."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, cast

import orjson
import typer
from rich.console import Console

from callwright.analysis.text import clean
from callwright.cli.processes import stop_on_signal
from callwright.cli.session import out
from callwright.errors import SetupError
from callwright.settings import PartnerSettings, default_state_dir

if TYPE_CHECKING:
    from callwright.listen import Heard
    from callwright_client import Webhook

Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on, on loopback; 0 takes a free one.")]


def listen(
    port: Port = 9000,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print each as a line of JSON: `received_at`, `verified`, `status`, `problem`, `webhook_id`, "
            "`again`, `body`.",
        ),
    ] = False,
) -> None:
    """Receive callbacks on this machine, verify their signatures and show them."""
    from callwright.listen import HOST, Receiver, certificate, serve  # noqa: PLC0415 - other commands start without it

    webhook = _webhook()
    trusted, served = certificate(default_state_dir() / "listen")
    screen = Console(stderr=True, soft_wrap=True, highlight=False)

    def ready(real_port: int) -> None:
        url = f"https://{HOST}:{real_port}/"
        screen.print(f"Listening at {url}; Ctrl-C ends it.", style="bold green", markup=False)
        screen.print(
            f'Send calls with "callback_url": "{url}". Callwright refuses loopback and does not know', markup=False
        )
        screen.print("this certificate; one for development, on this machine, has to be started with:", markup=False)
        screen.print(f"  CALLWRIGHT_ALLOW_NETWORKS={HOST} CALLWRIGHT_CA_FILE={trusted}", markup=False)

    async def run() -> None:
        receiver = Receiver(webhook, _print_json if as_json else _show)
        await serve(receiver, port, served, ready=ready, stop=stop_on_signal())

    asyncio.run(run())


def _webhook() -> "Webhook":
    from callwright_client import Webhook  # noqa: PLC0415 - other commands start without it

    kept = PartnerSettings().webhook_secret
    secrets = [each.strip() for each in kept.get_secret_value().split(",") if each.strip()] if kept else []
    if not secrets:
        raise SetupError("CALLWRIGHT_WEBHOOK_SECRET is not set", "Set it to what `callwright partner add` showed")
    try:
        return Webhook(*secrets)
    except ValueError as error:
        raise SetupError(f"CALLWRIGHT_WEBHOOK_SECRET cannot be used: {error}", "It begins with whsec_") from None


def _print_json(heard: "Heard") -> None:
    told = {
        "received_at": heard.at,
        "verified": heard.problem is None,
        "status": heard.status,
        "problem": heard.problem,
        "webhook_id": heard.webhook_id,
        "again": heard.again,
        "body": heard.body,
    }
    typer.echo(orjson.dumps(told, option=orjson.OPT_UTC_Z))


def _show(heard: "Heard") -> None:
    """A line for each, and below it what the call came to."""
    out.print()
    if heard.body is None:
        line = f"{heard.at:%H:%M:%S} REFUSED {heard.status}: {clean(heard.problem or '')} {clean(heard.webhook_id, 80)}"
        out.print(line, style="bold red", markup=False)
        return
    body = cast("dict[str, Any]", heard.body)  # signed, but shown whatever it is
    head = " ".join(_said(body.get(name)) for name in ("type", "call_id", "status") if body.get(name) is not None)
    again = ", which was acknowledged before" if heard.again else ""
    failed = body.get("status") == "failed"
    out.print(f"{heard.at:%H:%M:%S} verified {head}{again}", style="bold red" if failed else "bold green", markup=False)
    for name, value in body.items():
        if name not in ("type", "call_id", "status") and value not in (None, [], {}):
            _show_field(name, value)
    out.print(f"  webhook-id {clean(heard.webhook_id, 80)}", style="dim", markup=False)


def _show_field(name: str, value: object) -> None:
    label = clean(name.replace("_", " "), 40)
    if isinstance(value, list):
        out.print(f"  {label}", markup=False)
        for each in value:
            out.print(f"    · {_said(each)}", markup=False)
    else:
        out.print(f"  {label}: {_said(value)}", markup=False)


def _said(value: object) -> str:
    """A value in one line; what it has in it cannot write on the screen."""
    if isinstance(value, dict):
        told = ((clean(str(name).replace("_", " "), 40), each) for name, each in value.items())
        return "; ".join(f"{name}: {_said(each)}" for name, each in told if each not in (None, [], {}))
    return clean(value if isinstance(value, str) else orjson.dumps(value).decode())
