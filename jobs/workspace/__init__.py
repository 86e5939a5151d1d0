"""What lies in the workspace: runs, policies, uploads; what may be deleted."""
