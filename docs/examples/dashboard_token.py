"""Print the address that opens the dashboard for 24 hours. Run it on your server: key and secret stay there."""

import os

import httpx

headers = {
    "x-api-key": os.environ["API_KEY"],
    "x-api-secret": os.environ["API_SECRET"],
    "x-tenant-id": "acme-uk",
    "x-sub-tenant-id": "inside-sales",
}
answer = httpx.get(f"{os.environ['API_URL']}/api/v1/partner/dashboard/auth/token", headers=headers, timeout=30)
token = answer.raise_for_status().json()["data"]["token"]
print(f"{os.environ['API_URL']}/view-insights?token={token}")
