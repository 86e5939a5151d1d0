"""The worker, its children, and how a job is run."""
