"""What lies in the workspace: runs, bundles, policies, uploads; what may be deleted."""
