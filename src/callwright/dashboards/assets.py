"""The scripts and styles that Vite bundled, served for ever under names that change with their content."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from callwright.errors import SetupError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

router = APIRouter()

BASE = "/assets"
TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain"}
ENCODINGS = {"br": "br", "gzip": "gz"}
"""The better first."""

FOR_EVER = "public, max-age=31536000, immutable"

_HASHED = re.compile(r"[a-z]+-[\w-]{8}\.(?:js|css)")
_ACCEPTED = re.compile(r"(?:^|,)\s*(br|gzip)\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)")


@dataclass(frozen=True, slots=True)
class Bundle:
    """What an entry of `web/src/entries` came to: its script and its styles, as addresses."""

    script: str
    styles: tuple[str, ...]


@router.get(f"{BASE}/{{name}}")
async def asset(request: Request, name: str) -> Response:
    """Serve a file of the bundle, as small as the client takes it."""
    found = _contents().get(name)
    if found is None:
        return PlainTextResponse("Not found", 404)
    taken = accepted_codings(request)
    coding = next((each for each in ENCODINGS if each in taken and each in found), "")
    headers = {
        "cache-control": FOR_EVER if _HASHED.fullmatch(name) else "no-cache",
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
    }
    if coding:
        headers["content-encoding"] = coding
    return Response(found[coding], media_type=f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8", headers=headers)


def accepted_codings(request: Request) -> set[str]:
    """Those of `ENCODINGS` that the client takes."""
    accepted = _ACCEPTED.findall(request.headers.get("accept-encoding", ""))
    return {coding for coding, weight in accepted if weight.strip("0.") or not weight}


@cache
def bundle_of(entry: str) -> Bundle:
    """The addresses of an entry's files.

    Raises:
        SetupError: They have not been made.
    """
    page = _folder() / "manifest.json"
    if not page.is_file():
        raise SetupError("The dashboards' scripts and styles have not been made", "Run: make web")
    manifest = orjson.loads(page.read_bytes())
    made = manifest[f"src/entries/{entry}.js"]
    return Bundle(f"{BASE}/{made['file']}", tuple(f"{BASE}/{style}" for style in _styles(manifest, made)))


def _styles(manifest: dict[str, dict[str, list[str]]], made: dict[str, list[str]]) -> list[str]:
    """An entry's styles, those of what it imports first."""
    imported = [style for name in made.get("imports", ()) for style in _styles(manifest, manifest[name])]
    return list(dict.fromkeys((*imported, *made.get("css", ()))))


@cache
def _contents() -> dict[str, dict[str, bytes]]:
    """Every file by its name, and by its codings: `""` is the file itself."""
    there = {file.name: file for file in _folder().iterdir()} if _folder().is_dir() else {}
    return {
        name: {
            "": file.read_bytes(),
            **{
                coding: there[f"{name}.{ending}"].read_bytes()
                for coding, ending in ENCODINGS.items()
                if f"{name}.{ending}" in there
            },
        }
        for name, file in there.items()
        if name.rpartition(".")[2] in TYPES
    }


def _folder() -> "Traversable":
    return files("callwright.dashboards") / "static"
