// Reads a call, again until it has ended, and prints what came of it.
import { setTimeout as pause } from "node:timers/promises";

const { API_URL, API_KEY, API_SECRET, CALL_ID } = process.env;

let call;
do {
  if (call) await pause(2000);
  const answer = await fetch(`${API_URL}/api/v1/partner/calls/${encodeURIComponent(CALL_ID)}`, {
    headers: {
      "x-api-key": API_KEY,
      "x-api-secret": API_SECRET,
      "x-tenant-id": "acme-uk",
      "x-sub-tenant-id": "inside-sales",
    },
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${answer.status} ${told.message}`);
  call = told.data;
} while (call.status !== "completed" && call.status !== "failed");

if (call.status === "failed") {
  console.log(call.id, "failed:", call.failure.code, call.failure.message);
} else {
  const { intent, quality_score, intent_justification } = call.analysis;
  console.log(call.id, intent, quality_score, intent_justification);
}
