"""`callwright token-key`: the keys that sign the dashboards' tokens."""

from typing import Annotated

import typer

from callwright import token_keys
from callwright.cli.session import command_settings, out, sealer_of, with_transaction
from callwright.db import Connection

app = typer.Typer(help="Replace the key that signs the dashboards' tokens.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `rotate` a command of its own name, though it is the only one."""


@app.command("rotate")
def rotate(
    revoke_old: Annotated[
        bool,
        typer.Option(
            "--revoke-old", help="Refuse every token that was given out so far, at once: a key may have leaked."
        ),
    ] = False,
) -> None:
    """Sign with a new key from now on; tokens of the old one stay valid for their 24 hours unless told otherwise."""
    settings = command_settings()
    sealer = sealer_of(settings)

    async def change(connection: Connection) -> int | None:
        revoked = await token_keys.revoke(connection) if revoke_old else None
        await token_keys.make(connection, sealer)
        return revoked

    revoked = with_transaction(settings, change)
    if revoked is None:
        out.print("A new key signs. Tokens that were given out stay valid until they expire.")
    else:
        out.print("A new key signs. No token that was given out so far is valid any more.")
