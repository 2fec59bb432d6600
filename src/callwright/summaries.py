"""What a partner is told of a call: the body of the callback."""

from collections.abc import Sequence

import orjson

from callwright.analysis import Analysis
from callwright.analysis.fields import callback_fields
from callwright.analysis.redaction import Value
from callwright.callbacks import Told


def payload(told: Told, analysis: Analysis | None, failure: str | None, hidden: Sequence[Value] | None = None) -> bytes:
    """Build the body of section 3.1 of the contract.

    Args:
        told: The call.
        analysis: Its analysis; None where it failed, and every analysis field is then null.
        failure: The reason that the partner reads, where it failed.
        hidden: Where sentences are to be redacted, what was said and must be hidden; ids and `meta` stay verbatim.
    """
    return orjson.dumps(
        {
            "call_id": told.call_id,
            "type": "CALL_SUMMARY",
            "customer_id": told.customer_id,
            "agent_id": told.agent_id,
            "status": "failed" if failure else "completed",
            "error": failure,
            **callback_fields(analysis, hidden),
            "meta": orjson.Fragment(told.metadata_json or "{}"),  # verbatim, whatever numbers it has
            **({"test": True} if told.test else {}),
        }
    )
