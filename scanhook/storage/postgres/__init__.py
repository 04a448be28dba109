"""The storage on PostgreSQL: one database that many machines share. Loaded only where a URL names it."""
