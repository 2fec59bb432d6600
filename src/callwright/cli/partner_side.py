"""What the commands for partners share: whom they talk to and as whom, and how the client's errors are told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callwright.errors import SetupError
from callwright.settings import PartnerSettings

if TYPE_CHECKING:
    from callwright_client import ApiError, Client

Url = Annotated[str | None, typer.Option(help="Where Callwright is.", show_default="CALLWRIGHT_URL")]
ApiKey = Annotated[str | None, typer.Option(help="The partner's key.", show_default="CALLWRIGHT_API_KEY")]
SecretFile = Annotated[
    Path | None, typer.Option(help="A file with the partner's secret.", show_default="CALLWRIGHT_API_SECRET")
]
Tenant = Annotated[str | None, typer.Option(help="The tenant to act for.", show_default="CALLWRIGHT_TENANT_ID")]
Subtenant = Annotated[
    str | None, typer.Option(help="The subtenant to act for.", show_default="CALLWRIGHT_SUB_TENANT_ID")
]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a command talks to, and as whom; the secret is asked for when it is needed."""

    url: str
    api_key: str
    tenant_id: str
    sub_tenant_id: str
    secret_file: Path | None


def caller(
    url: str | None, api_key: str | None, secret_file: Path | None, tenant: str | None, sub: str | None
) -> Caller:
    """Who was named by options, else by the environment.

    Raises:
        SetupError: Something is named by neither.
    """
    known = PartnerSettings()

    def named(option: str, said: str | None, name: str, kept: str | None) -> str:
        if found := said or kept:
            return found
        raise SetupError(f"{name} is not set", f"Set it, or give {option}")

    return Caller(
        url or known.url,
        named("--api-key", api_key, "CALLWRIGHT_API_KEY", known.api_key),
        named("--tenant", tenant, "CALLWRIGHT_TENANT_ID", known.tenant_id),
        named("--subtenant", sub, "CALLWRIGHT_SUB_TENANT_ID", known.sub_tenant_id),
        secret_file,
    )


@contextmanager
def client_of(who: Caller) -> Iterator["Client"]:
    """The client for somebody; what goes wrong with it is a sentence and what to do.

    Raises:
        SetupError: There is no secret, or Callwright refuses, or does not answer.
    """
    from callwright_client import ApiError, CallwrightError, Client, ConnectionFailed  # noqa: PLC0415 - only here

    try:
        client = Client(who.url, who.api_key, secret_of(who), who.tenant_id, who.sub_tenant_id)
    except ValueError as error:
        raise SetupError(f"{who.url}, {who.tenant_id}: {error}", "See docs/reference/settings.md") from None
    with client:
        try:
            yield client
        except ConnectionFailed as error:
            raise SetupError(f"{who.url} does not answer: {error}", "Is it the right address? Then try again") from None
        except ApiError as error:
            raise SetupError(f"Callwright refused: {error}", _fix(error)) from None
        except CallwrightError as error:
            raise SetupError(f"{who.url}: {error}", "Is it the address of a Callwright?") from None


def _fix(error: "ApiError") -> str:
    if error.status in (401, 403):
        return "Check CALLWRIGHT_API_KEY and its secret, and that this partner may act for this tenant and subtenant"
    return "Try again later" if error.status in (429, 500, 503) else "See docs/reference/errors.md"


def secret_of(who: Caller) -> str:
    """The secret of somebody: from the file that was named, else from the environment, else asked for.

    Raises:
        SetupError: There is none, and nobody who could be asked.
    """
    if who.secret_file is not None:
        try:
            return who.secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SetupError(
                f"{who.secret_file} cannot be read", "Name a file with the partner's secret and nothing else"
            ) from None
    if kept := PartnerSettings().api_secret:
        return kept.get_secret_value()
    if not sys.stdin.isatty():
        raise SetupError("CALLWRIGHT_API_SECRET is not set", "Set it, or give --api-secret-file")
    typed: str = typer.prompt("API secret", hide_input=True, err=True)
    return typed
