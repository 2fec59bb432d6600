// Receives callbacks on port 9000 (PORT), behind a proxy with TLS. Verifies them with Node.js alone.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const seen = new Set(); // in your product: a table with a unique key

/** Whether a body, as it came, is signed by your Callwright and not more than five minutes old. */
function isGenuine(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signatures = "" } = headers;
  if (!id || !(Math.abs(Date.now() / 1000 - Number(at)) < 300)) return false;
  const expected = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const [version, sent] = signature.split(",");
    const given = Buffer.from(sent ?? "", "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  if (!isGenuine(request.headers, body)) {
    response.writeHead(401).end();
    return;
  }
  response.writeHead(204).end();
  if (seen.has(request.headers["webhook-id"])) return; // the same one can come twice
  seen.add(request.headers["webhook-id"]);
  const summary = JSON.parse(body);
  console.log(summary.call_id, summary.status, summary.intent);
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1");
