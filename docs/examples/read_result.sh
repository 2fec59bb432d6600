#!/bin/sh
# Reads a call, again until it has ended, and prints all that is known of it.
set -eu
while :; do
  call=$(curl -sS --fail-with-body --retry 4 "$API_URL/api/v1/partner/calls/$CALL_ID" \
    -H "x-api-key: $API_KEY" -H "x-api-secret: $API_SECRET" \
    -H "x-tenant-id: acme-uk" -H "x-sub-tenant-id: inside-sales")
  case $call in *'"ended_at":null'*) ;; *) break ;; esac
  sleep 2
done
echo "$call"
