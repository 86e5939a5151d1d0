"""Background work: the queue, the worker, the kinds of job, the workspace."""
