"""Files and folders: atomic writes, the workspace, checkpoints. Every other package imports it."""
