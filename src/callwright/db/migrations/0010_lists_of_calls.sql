-- Lists of calls, those that came in last first, are read off the batches that brought them in: one entry for up to 50
-- calls. An index on calls would take a seventh of the rate at which they are stored, one by customer as much again.
CREATE INDEX batches_by_time ON batches (partner_id, subtenant_no, received_at, batch_id);
