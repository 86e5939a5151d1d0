"""The store of jobs on SQLAlchemy."""
