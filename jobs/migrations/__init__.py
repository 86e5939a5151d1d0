"""Schema history, run in-process by `jobs.queue.database.migrate`."""
