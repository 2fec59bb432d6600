#!/bin/sh
# Prints the address that opens the dashboard for 24 hours. Run it on your server: key and secret stay there.
set -eu
token=$(curl -sS --fail-with-body "$API_URL/api/v1/partner/dashboard/auth/token" \
  -H "x-api-key: $API_KEY" -H "x-api-secret: $API_SECRET" \
  -H "x-tenant-id: acme-uk" -H "x-sub-tenant-id: inside-sales" |
  sed 's/.*"token":"\([^"]*\)".*/\1/')
echo "$API_URL/view-insights?token=$token"
