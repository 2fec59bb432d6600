"""Bodies: parsed exactly, counted, undone, and given up on."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.api import body
from callwright.api.body import parse_json
from callwright.errors import BadRequest
from partner_api import BATCH_CALL, Door, a_batch, a_record

IN_MODULE = pytest.mark.asyncio(loop_scope="module")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(VALUES, st.booleans())
def test_what_is_json_is_parsed_exactly(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse_json(raw) == value


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), st.booleans(), st.data())
def test_a_doubled_name_is_always_seen(value: dict[str, Any], ascii_only: bool, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(value)))
    doubled = json.dumps({name: data.draw(VALUES)}, ensure_ascii=ascii_only)[:-1]
    raw = f"[{doubled}, {json.dumps(value)[1:]}]".encode()
    json.loads(raw)
    with pytest.raises(BadRequest):
        parse_json(raw)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**19, -(10**18), 10**300])
def test_integers_are_not_rounded(number: int) -> None:
    assert parse_json(f'{{"a": [{number}, -1],"b":{number}}}'.encode()) == {"a": [number, -1], "b": number}


def test_long_digits_in_a_text_are_no_number() -> None:
    assert parse_json(b'{"a": "tel: 1234567890123456789012"}') == {"a": "tel: 1234567890123456789012"}


@pytest.mark.parametrize("levels", [1, 100, 254])
def test_reasonable_nesting(levels: int) -> None:
    raw = b"[" * levels + b"]" * levels
    assert orjson.dumps(parse_json(raw)) == raw


def test_unreasonable_nesting() -> None:
    with pytest.raises(BadRequest):
        parse_json(b"[" * 255 + b"]" * 255)


def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    async def generate() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return generate()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "identity", ""])
@IN_MODULE
async def test_encodings(door: Door, encoding: str) -> None:
    raw = orjson.dumps(a_batch(a_record(f"encoded {encoding}")))
    sent = gzip.compress(raw) if "gzip" in encoding.lower() else zlib.compress(raw) if encoding == "deflate" else raw
    headers = door.headers()
    headers["content-encoding"] = encoding
    pieces = [sent[n : n + 7] for n in range(0, len(sent), 7)]
    answer = await door.client.post(BATCH_CALL, content=chunked(*pieces), headers=headers)
    assert (answer.status_code, answer.json()["data"]["accepted"]) == (200, 1)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
@IN_MODULE
async def test_unknown_encoding(door: Door, encoding: str) -> None:
    headers = door.headers()
    headers["content-encoding"] = encoding
    answer = await door.client.post(BATCH_CALL, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (415, "Content-Encoding must be gzip or deflate")


WHOLE = gzip.compress(b'{"data": []}', mtime=0)


@pytest.mark.parametrize("sent", [b"{}", b"", WHOLE[:-1], WHOLE + b"x", WHOLE + WHOLE, WHOLE[:12] + b"\0" + WHOLE[12:]])
@IN_MODULE
async def test_body_that_is_not_in_its_encoding(door: Door, sent: bytes) -> None:
    headers = door.headers()
    headers["content-encoding"] = "gzip"
    answer = await door.client.post(BATCH_CALL, content=sent, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (400, "Request body does not match its Content-Encoding")


@IN_MODULE
async def test_body_that_never_ends(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.05)

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await door.client.post(BATCH_CALL, content=endless(), headers=door.headers())
    assert (answer.status_code, answer.json()["message"]) == (400, "Request body was not received within 0 seconds")
