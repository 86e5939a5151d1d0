"""One folder holds everything a workbench knows: data sets, runs, bundles, policies, jobs, uploads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Paths below `AWARE_HOME`. Creating one touches nothing; `create` makes the folders."""

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

    def kept(self, path: Path | str) -> str:
        """A path as a document or a database keeps it: relative to the workspace where it lies inside, so that a
        workspace can be moved or copied; absolute elsewhere.
        """
        place = Path(path).expanduser().absolute()
        for whole in (place, place.resolve()):
            if whole.is_relative_to(self.root):
                return whole.relative_to(self.root).as_posix()
        return str(place)

    def placed(self, text: str) -> Path:
        """The path that a kept text means here."""
        return self.root / text

    def create(self) -> Workspace:
        """Make every folder that is not there yet, for this user alone; returns itself."""
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
            mine_alone(folder)
        return self


def mine_alone(path: Path) -> None:
    """Take every right of group and others away from a file or folder of this process's user."""
    held = path.stat()
    if held.st_uid == os.geteuid() and held.st_mode & 0o077:
        path.chmod(held.st_mode & 0o700)
