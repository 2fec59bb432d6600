"""PostgreSQL: the pool, explicit transactions, the schema and the embedded server."""
