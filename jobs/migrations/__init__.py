"""Schema history, run in-process by `jobs.database.migrate`."""
