"""`python -m app.server.die_with_parent PARENT COMMAND...`: runs COMMAND, which the kernel kills when PARENT dies.

The death signal survives exec, so programs of others (Streamlit) end with `aware up` as well.
"""

from __future__ import annotations

import os
import sys

from jobs.process import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
