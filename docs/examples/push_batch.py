"""Push one call. A push is idempotent: where no answer came, a 429 or a 5xx, it is sent again."""

import json
import os
import time
from datetime import UTC, datetime

import httpx

TODAY = datetime.now(UTC).date()  # here a call that took place today
CALL = {
    "call": {
        "id": os.environ["CALL_ID"],
        "recording_url": os.environ["RECORDING_URL"],
        "start_time": f"{TODAY}T00:00:00Z",
        "end_time": f"{TODAY}T00:00:20Z",
        "contact_number": "+12025550101",
    },
    "agent": {"id": "agent-7", "name": "Ann Lee"},
    "customer": {"id": "customer-42", "name": "Priya Raman", "disposition_status": "interested"},
    "callback_url": os.environ["CALLBACK_URL"],
    "metadata": {"campaign": "spring", "attempt": 2},
    "transcript": [
        {"speaker": "agent", "start": 0.0, "end": 3.0, "text": "Hi Priya, it is Ann. Is now a better time?"},
        {"speaker": "customer", "start": 3.5, "end": 8.0, "text": "Yes, we need one shared inbox."},
        {"speaker": "agent", "start": 8.4, "end": 13.0, "text": "Shall I show it to you on Thursday at ten?"},
        {"speaker": "customer", "start": 13.5, "end": 17.0, "text": "Thursday works. I will bring our support lead."},
    ],
}


def push(client: httpx.Client, calls: list[dict[str, object]], tries: int = 5) -> dict[str, object]:
    """Push 1 to 50 calls; gives what became of each."""
    for left in reversed(range(tries)):
        wait = 2.0
        try:
            answer = client.post("/api/v1/partner/ingest/batch-call", json={"data": calls})
        except httpx.TransportError:
            if not left:
                raise
        else:
            if not left or not (answer.status_code == 429 or answer.is_server_error):
                if answer.status_code == 422:
                    raise ValueError(answer.json()["errors"])  # every fault, by its field
                answer.raise_for_status()
                return answer.json()["data"]
            wait = float(answer.headers.get("retry-after", wait))
        time.sleep(wait)
    raise AssertionError("the last try has returned or raised")


if __name__ == "__main__":
    headers = {
        "x-api-key": os.environ["API_KEY"],
        "x-api-secret": os.environ["API_SECRET"],
        "x-tenant-id": "acme-uk",
        "x-sub-tenant-id": "inside-sales",
    }
    with httpx.Client(base_url=os.environ["API_URL"], headers=headers, timeout=60) as client:
        print(json.dumps(push(client, [CALL])))
