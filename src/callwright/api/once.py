"""Writes that are done once, however often a request with the same Idempotency-Key is sent.

As draft-ietf-httpapi-idempotency-key-header says. The answer is kept in the transaction of the work, so that there is
never one without the other; a refusal has done nothing, and is not kept.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable

import orjson
from fastapi import Request

from callwright import db, idempotency
from callwright.api.auth import Caller
from callwright.api.envelope import Envelope, success
from callwright.db import Connection
from callwright.errors import BadRequest

LONGEST_KEY = 255

# A string of structured fields (RFC 9651) as the draft has it, or, as most clients send it, the bare text.
_KEY = re.compile(rf'"([ !#-\[\]-~]{{1,{LONGEST_KEY}}})"|([!#-\[\]-~]{{1,{LONGEST_KEY}}})')


async def answered_once(
    request: Request, caller: Caller, body: object, work: Callable[[Connection], Awaitable[object]]
) -> Envelope:
    """Do a write and answer it; or answer as before where its key was answered already.

    Args:
        request: That may carry a key.
        caller: Who sends it.
        body: As it was checked; None where there is none.
        work: Does it in the transaction that it is given, and returns what there is to say.

    Raises:
        BadRequest: The key is none.
        Conflict: A request with this key is under way.
        ValidationFailed: The key was sent before with another request.
        ApiError: What `work` raises.
    """
    key = key_of(request)
    asked = orjson.dumps([request.method, request.url.path, body], option=orjson.OPT_SORT_KEYS)
    request_hash = hashlib.sha256(asked).digest()
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        if key is None:
            return success(await work(connection))
        kept = await idempotency.find_answer(connection, caller.scope, key, request_hash)
        if kept is not None:
            return Envelope(kept)
        answer = success(await work(connection))
        await idempotency.keep_answer(connection, caller.scope, key, request_hash, bytes(answer.body))
    return answer


def key_of(request: Request) -> str | None:
    """The key of a request; None where it has none.

    Raises:
        BadRequest: It is blank, too long, sent twice, or has other characters than visible ASCII.
    """
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        return None
    found = _KEY.fullmatch(sent[0].strip(" \t"))
    if len(sent) > 1 or found is None:
        raise BadRequest(f"Idempotency-Key must be 1 to {LONGEST_KEY} visible characters, sent once")
    return found[1] or found[2]
