#!/bin/sh
# Pushes one call; sent again where no answer came, a 429 or a 5xx: no call is taken twice.
set -eu
today=$(date -u +%F) # here a call that took place today
curl -sS --fail-with-body --retry 4 --retry-connrefused \
  "$API_URL/api/v1/partner/ingest/batch-call" \
  -H "x-api-key: $API_KEY" -H "x-api-secret: $API_SECRET" \
  -H "x-tenant-id: acme-uk" -H "x-sub-tenant-id: inside-sales" \
  -H "content-type: application/json" -d @- <<BODY
{"data": [{
  "call": {"id": "$CALL_ID", "recording_url": "$RECORDING_URL",
           "start_time": "${today}T00:00:00Z", "end_time": "${today}T00:00:20Z",
           "contact_number": "+12025550101"},
  "agent": {"id": "agent-7", "name": "Ann Lee"},
  "customer": {"id": "customer-42", "name": "Priya Raman",
               "disposition_status": "interested"},
  "callback_url": "$CALLBACK_URL",
  "metadata": {"campaign": "spring", "attempt": 2},
  "transcript": [
    {"speaker": "agent", "start": 0.0, "end": 3.0,
     "text": "Hi Priya, it is Ann. Is now a better time?"},
    {"speaker": "customer", "start": 3.5, "end": 8.0,
     "text": "Yes, we need one shared inbox."},
    {"speaker": "agent", "start": 8.4, "end": 13.0,
     "text": "Shall I show it to you on Thursday at ten?"},
    {"speaker": "customer", "start": 13.5, "end": 17.0,
     "text": "Thursday works. I will bring our support lead."}]
}]}
BODY
