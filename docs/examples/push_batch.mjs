// Pushes one call. A push is idempotent: where no answer came, a 429 or a 5xx, it is sent again.
import { setTimeout as pause } from "node:timers/promises";

const { API_URL, API_KEY, API_SECRET, CALL_ID, RECORDING_URL, CALLBACK_URL } = process.env;
const today = new Date().toISOString().slice(0, 10); // here a call that took place today

const call = {
  call: {
    id: CALL_ID,
    recording_url: RECORDING_URL,
    start_time: `${today}T00:00:00Z`,
    end_time: `${today}T00:00:20Z`,
    contact_number: "+12025550101",
  },
  agent: { id: "agent-7", name: "Ann Lee" },
  customer: { id: "customer-42", name: "Priya Raman", disposition_status: "interested" },
  callback_url: CALLBACK_URL,
  metadata: { campaign: "spring", attempt: 2 },
  transcript: [
    { speaker: "agent", start: 0.0, end: 3.0, text: "Hi Priya, it is Ann. Is now a better time?" },
    { speaker: "customer", start: 3.5, end: 8.0, text: "Yes, we need one shared inbox." },
    { speaker: "agent", start: 8.4, end: 13.0, text: "Shall I show it to you on Thursday at ten?" },
    { speaker: "customer", start: 13.5, end: 17.0, text: "Thursday works. I will bring our support lead." },
  ],
};

/** Push 1 to 50 calls; gives what became of each. */
async function push(calls, tries = 5) {
  for (let left = tries - 1; ; left--) {
    let wait = 2;
    try {
      const answer = await fetch(`${API_URL}/api/v1/partner/ingest/batch-call`, {
        method: "POST",
        headers: {
          "x-api-key": API_KEY,
          "x-api-secret": API_SECRET,
          "x-tenant-id": "acme-uk",
          "x-sub-tenant-id": "inside-sales",
          "content-type": "application/json",
        },
        body: JSON.stringify({ data: calls }),
      });
      const text = await answer.text();
      const failed = answer.status >= 500; // which may be a proxy's, and no JSON
      const told = failed ? { message: `${answer.status}: ${text}` } : JSON.parse(text);
      if (answer.ok) return told.data;
      if (answer.status !== 429 && !failed) throw Object.assign(new Error(told.message), told);
      wait = Number(answer.headers.get("retry-after") ?? wait);
      if (!left) throw new Error(told.message);
    } catch (error) {
      if (!left || !(error instanceof TypeError)) throw error; // fetch has a TypeError where no answer came
    }
    await pause(wait * 1000);
  }
}

console.log(JSON.stringify(await push([call])));
