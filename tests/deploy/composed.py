"""The compose file as Compose reads it: variables put in, anchors merged."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from deploy.tools import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")

MADE = {
    "SITE_ADDRESS": "calls.example.com", "POSTGRES_PASSWORD": "a1" * 24, "DATABASE_PASSWORD": "b2" * 24,
    "VALKEY_PASSWORD": "c3" * 24, "S3_SECRET_KEY": "d4" * 24, "CALLWRIGHT_SECRET_KEY": "e5" * 21 + "f=",
}  # fmt: skip
"""What the operator makes, as the guide says; none of it reads as a number, since Compose puts it in as text."""


def with_variables(text: str, given: Mapping[str, str]) -> str:
    """The text with the variables of an environment in it.

    Raises:
        KeyError: One that must be given is not.
    """

    def put(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return "$"
        if given.get(name):
            return given[name]
        if found["kind"] == "-":
            return found["rest"]
        raise KeyError(name)

    return VARIABLE.sub(put, text)


@cache
def composed() -> Mapping[str, Any]:
    """The file with what the operator makes."""
    content: Mapping[str, Any] = yaml.safe_load(with_variables(COMPOSE.read_text(), MADE))
    return content


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = composed()["services"]
    return found


def environment(service: str) -> dict[str, str]:
    """The variables of a service."""
    return {name: str(value) for name, value in services()[service].get("environment", {}).items()}
