"""Pushes a batch: what became of each of its calls, and the good ones without those at fault."""

import re
from collections import defaultdict
from typing import Any

from callwright_client.batches import Batch, Entry, body_of
from callwright_client.errors import BadRequest, UnexpectedAnswer, ValidationFailed
from callwright_client.exchange import Answer, Core, Flow, data_of
from callwright_client.models import Fault
from callwright_client.pushed import Pushed

MALFORMED = "Malformed JSON"
"""How the API says so (docs/reference/errors.md)."""

_OF_A_CALL = re.compile(r"data\[(\d+)\]\.?(.*)", re.DOTALL)


def push_batch(core: Core, batch: Batch) -> Flow[list[Pushed]]:
    """Push one batch; gives what became of each call, in their order.

    The API refuses a batch with one bad call as a whole and tells every fault of it. The calls at fault are taken out
    then, and the others are sent again without them. Where a call is such that the whole body cannot be read, as one
    that is nested very deep, nothing is told of it: then it is looked for by halves.

    Raises:
        CallwrightError: The batch was not answered, or refused for another reason than its calls.
    """
    settled = [_refused(entry, entry.faults) for entry in batch if entry.faults]
    sending = [entry for entry in batch if not entry.faults]
    while sending:
        try:
            answer = yield from core.exchange("POST", "ingest/batch-call", content=body_of(sending))
        except ValidationFailed as error:
            at_fault = _by_call(error, len(sending))
            settled += [_refused(sending[number], faults) for number, faults in at_fault.items()]
            sending = [entry for number, entry in enumerate(sending) if number not in at_fault]
        except BadRequest as error:
            if error.message != MALFORMED:
                raise
            if len(sending) > 1:
                half = len(sending) // 2
                settled += yield from push_batch(core, sending[:half])
                settled += yield from push_batch(core, sending[half:])
            else:
                settled.append(_refused(sending[0], (Fault(field="", message="call cannot be read: Malformed JSON"),)))
            break
        else:
            settled += _answered(sending, answer)
            break
    return sorted(settled, key=lambda call: call.position)


def _refused(entry: Entry, faults: tuple[Fault, ...]) -> Pushed:
    return Pushed(entry.position, entry.call_id, "refused", faults)


def _by_call(error: ValidationFailed, calls: int) -> dict[int, tuple[Fault, ...]]:
    """The faults of each call that has any.

    Raises:
        ValidationFailed: One is of no call, so that leaving calls out would not help.
    """
    found: defaultdict[int, list[Fault]] = defaultdict(list)
    for fault in error.faults:
        match = _OF_A_CALL.fullmatch(fault["field"])
        if not match or int(match[1]) >= calls:
            raise error
        message = fault["message"].replace(f"data[{match[1]}]", "call") if not match[2] else fault["message"]
        found[int(match[1])].append(Fault(field=match[2], message=message))
    if not found:
        raise error
    return {number: tuple(faults) for number, faults in found.items()}


def _answered(sent: Batch, answer: Answer) -> list[Pushed]:
    data: Any = data_of(answer)
    try:
        batch_id, entries = data["batch_id"], data["calls"]
        pairs = list(zip(sent, entries, strict=True))
        return [
            Pushed(
                entry.position,
                entry.call_id,
                told["status"],
                changed=told.get("changed", False),
                batch_id=batch_id,
                sent_again=answer.doubtful,
            )
            for entry, told in pairs
        ]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UnexpectedAnswer("The answer to a batch does not tell what became of each of its calls.") from None
