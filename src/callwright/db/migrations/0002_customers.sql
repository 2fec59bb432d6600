-- Agents, customers and the history of their dispositions; written by customers.py and, for a batch, by calls.py's
-- one statement, whose parts customers.py owns.

CREATE TABLE agents (
    partner_id   bigint NOT NULL,
    subtenant_no bigint NOT NULL,
    agent_id     text COLLATE "C" NOT NULL,
    name         text,
    email        text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, subtenant_no, agent_id)
);

CREATE TABLE customers (
    partner_id               bigint NOT NULL,
    subtenant_no             bigint NOT NULL,
    customer_id              text COLLATE "C" NOT NULL,
    name                     text,
    email                    text,
    disposition_status       text,
    disposition_effective_at timestamptz,
    created_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, subtenant_no, customer_id)
);

CREATE TABLE dispositions (
    partner_id     bigint NOT NULL,
    subtenant_no   bigint NOT NULL,
    customer_id    text COLLATE "C" NOT NULL,
    disposition_no bigint GENERATED ALWAYS AS IDENTITY,
    status         text NOT NULL,
    effective_at   timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    source         text NOT NULL CHECK (source IN ('call', 'api')),
    call_id        text COLLATE "C",
    PRIMARY KEY (partner_id, subtenant_no, customer_id, disposition_no),
    CHECK ((source = 'call') = (call_id IS NOT NULL))
);
