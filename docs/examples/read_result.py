"""Read a call, again until it has ended, and print what came of it."""

import os
import time

import httpx

headers = {
    "x-api-key": os.environ["API_KEY"],
    "x-api-secret": os.environ["API_SECRET"],
    "x-tenant-id": "acme-uk",
    "x-sub-tenant-id": "inside-sales",
}
with httpx.Client(base_url=os.environ["API_URL"], headers=headers, timeout=60) as client:
    while True:
        answer = client.get(f"/api/v1/partner/calls/{os.environ['CALL_ID']}").raise_for_status()
        call = answer.json()["data"]
        if call["status"] in {"completed", "failed"}:
            break
        time.sleep(2)

if call["status"] == "failed":
    print(call["id"], "failed:", call["failure"]["code"], call["failure"]["message"])
else:
    analysis = call["analysis"]
    print(call["id"], analysis["intent"], analysis["quality_score"], analysis["intent_justification"])
