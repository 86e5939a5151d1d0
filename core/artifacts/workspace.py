"""One folder holds everything that a workbench stores: data sets, runs, bundles, policies, jobs, uploads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Paths below `AWARE_HOME`. Creating an instance touches no file; `create` makes the folders.

    Attributes:
        root: The workspace's folder, absolute.
    """

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "workbench.db"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def incoming(self) -> Path:
        """Where a person of this machine puts folders that the browser may then name."""
        return self.root / "incoming"

    @property
    def analyses(self) -> Path:
        return self.root / "analyses"

    @property
    def experts(self) -> Path:
        return self.root / "experts"

    @property
    def demo_cache(self) -> Path:
        """What visitors of the demo send, until it is copied to `uploads`."""
        return self.root / "demo-cache"

    def relative(self, path: Path | str) -> str:
        """Return a path as documents and the database store it, so that a workspace can be moved or copied.

        Args:
            path: A file or folder, with or without links in it.

        Returns:
            The path relative to the workspace where it lies inside, with slashes; else the absolute path.
        """
        place = Path(path).expanduser().absolute()
        for whole in (place, place.resolve()):
            if whole.is_relative_to(self.root):
                return whole.relative_to(self.root).as_posix()
        return str(place)

    def absolute(self, text: str) -> Path:
        """Return the path that a stored text means in this workspace.

        Args:
            text: What `relative` returned, in this workspace or where it was before.

        Returns:
            An absolute path; an absolute text stays as it is.
        """
        return self.root / text

    def create(self) -> Workspace:
        """Make every folder that does not exist yet, readable by this user alone.

        Returns:
            This workspace.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            self.root,
            self.datasets,
            self.runs,
            self.bundles,
            self.policies,
            self.jobs,
            self.uploads,
            self.incoming,
            self.analyses,
            self.experts,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(folder)
        return self


def make_private(path: Path) -> None:
    """Take every right of group and others away from a file or folder that this process's user owns.

    Args:
        path: An existing file or folder; another user's is left as it is.
    """
    status = path.stat()
    if status.st_uid == os.geteuid() and status.st_mode & 0o077:
        path.chmod(status.st_mode & 0o700)
