"""A request's body: counted while it is read, parsed strictly, checked against its type; every fault is told."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from callwright.api.faults import faults_of
from callwright.errors import BadRequest, TooLarge, UnsupportedMediaType, ValidationFailed

MAX_BYTES = 5 * 1024 * 1024
"""Of a body, whatever Content-Length says, after its Content-Encoding is undone (contract, section 2)."""

BODY_SECONDS = 30.0
"""The time for a whole body to arrive."""

Body = TypeVar("Body")

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_ESCAPED_COLON = b"\\u003"
_NUMBER_SHAPES = bytes(
    ord("0") if byte in b"0123456789" else ord("-") if byte in b"-:,[ \t\r\n" else ord("x") for byte in range(256)
)
_LONG_NUMBER = b"-" + b"0" * 19


async def read_body(request: Request, adapter: TypeAdapter[Body]) -> Body:
    """Read, parse and check a JSON body.

    Raises:
        ValidationFailed: Its contents are at fault.
        ApiError: As `read_json`.
    """
    value = await read_json(request)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise ValidationFailed(faults_of(adapter, value, error)) from None


async def read_json(request: Request, *, most: int = MAX_BYTES) -> object:
    """Read and parse a JSON body.

    Args:
        request: Its body is not read yet.
        most: Bytes that it may have, up to `MAX_BYTES`.

    Raises:
        UnsupportedMediaType: Not JSON, or an encoding that is not known; told before the body is read.
        TooLarge: More than `most`.
        BadRequest: Not well-formed, or not all there in time.
    """
    _check_media_type(request)
    encoding = _content_encoding(request)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await _collect(request.stream() if encoding is None else _inflated(request, encoding), most)
    except TimeoutError:
        raise BadRequest(f"Request body was not received within {BODY_SECONDS:.0f} seconds") from None
    return parse_json(raw)


def _check_media_type(request: Request) -> None:
    sent = request.headers.getlist("content-type")
    if not sent:
        return  # a body without a name for itself is taken for what this door understands
    kind, *parameters = (part.strip(" \t").lower() for part in sent[0].split(";"))
    named = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip(' \t"') for name, _, value in named if name.rstrip(" \t").partition("*")[0] == "charset"}
    if len(sent) > 1 or kind != "application/json" or not charsets <= {"utf-8", "utf8"}:
        raise UnsupportedMediaType


def _content_encoding(request: Request) -> str | None:
    encoding = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in _WINDOW_BITS:
        raise UnsupportedMediaType("Content-Encoding must be gzip or deflate")
    return encoding


async def _collect(chunks: AsyncIterator[bytes], most: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge
        if len(body) > most:
            raise TooLarge(f"Request body is larger than {most // 1024} kB")
    return bytes(body)


async def _inflated(request: Request, encoding: str) -> AsyncIterator[bytes]:
    """Undo an encoding in pieces of bounded size, so that a small body cannot grow into a large one unseen."""
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    read = 0
    try:
        async for chunk in request.stream():
            read += len(chunk)
            if read > MAX_BYTES:
                raise TooLarge
            rest = chunk
            while rest and not inflater.eof:
                yield inflater.decompress(rest, MAX_BYTES + 1)
                rest = inflater.unconsumed_tail
            if rest or inflater.unused_data:
                raise BadRequest("Request body does not match its Content-Encoding")
    except zlib.error:
        raise BadRequest("Request body does not match its Content-Encoding") from None
    if not inflater.eof:
        raise BadRequest("Request body does not match its Content-Encoding")


def parse_json(raw: bytes) -> object:
    """Parse JSON strictly: no doubled names, lone surrogates, NaN, byte order mark or nesting beyond 254 levels.

    orjson refuses the most of it, but keeps the last of doubled names and rounds integers beyond 64 bits. Both are
    found by cheap comparisons, and only a suspicious body is parsed by the slower parser that can tell.

    Raises:
        BadRequest: It is not.
    """
    try:
        value: object = orjson.loads(raw)
        again = orjson.dumps(value)
    except (orjson.JSONDecodeError, TypeError):  # TypeError: nested too deep to be written
        raise BadRequest from None
    # A name that was dropped took its colon with it; a colon can only appear anew from its escape.
    dropped = raw.count(b":") != again.count(b":") or _ESCAPED_COLON in raw
    if dropped or _LONG_NUMBER in b"-" + raw.translate(_NUMBER_SHAPES):
        return _parse_exactly(raw)
    return value


def _parse_exactly(raw: bytes) -> object:
    try:
        value: object = json.loads(raw, object_pairs_hook=_without_doubles)
    except ValueError:  # doubled names
        raise BadRequest from None
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(pairs)
    return found
