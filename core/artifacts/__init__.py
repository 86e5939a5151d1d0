"""Files and folders: atomic writes, the workspace, checkpoints. The ground that every other room stands on."""
