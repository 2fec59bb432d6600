"""Receive callbacks on port 9000 (PORT), behind a proxy with TLS. Needs `pip install standardwebhooks`."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])  # whsec_..., as `callwright partner add` showed it
seen: set[str] = set()  # in your product: a table with a unique key


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            summary = webhook.verify(body, dict(self.headers))  # the body as it came, to the byte
        except WebhookVerificationError:
            self.send_response(401)
        else:
            self.send_response(204)
            if self.headers["webhook-id"] not in seen:  # the same one can come twice
                seen.add(self.headers["webhook-id"])
                print(summary["call_id"], summary["status"], summary["intent"], flush=True)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
