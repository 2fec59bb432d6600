// Prints the address that opens the dashboard for 24 hours. Run it on your server: key and secret stay there.
const { API_URL, API_KEY, API_SECRET } = process.env;

const answer = await fetch(`${API_URL}/api/v1/partner/dashboard/auth/token`, {
  headers: {
    "x-api-key": API_KEY,
    "x-api-secret": API_SECRET,
    "x-tenant-id": "acme-uk",
    "x-sub-tenant-id": "inside-sales",
  },
});
const told = await answer.json();
if (!answer.ok) throw new Error(`${answer.status} ${told.message}`);
console.log(`${API_URL}/view-insights?token=${told.data.token}`);
