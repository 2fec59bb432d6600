"""The partner's door: HTTP in, the envelope out; no SQL and no rules of the business."""
