"""Every setting of the workbench in one table. Each is an environment variable `AWARE_<NAME>`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from core.artifacts.workspace import Workspace
from core.spec import Spec


class Settings(Spec):
    """Read once per process by `Settings.read()`."""

    home: Path = Field(Path("~/.aware-net"), description="Workspace folder: everything the workbench stores.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the workspace.")
    host: str = Field("127.0.0.1", description="Address that the web servers listen on.")
    port: int = Field(8501, ge=0, le=65535, description="Workbench port; the next free one is taken.")
    demo_port: int = Field(7860, ge=0, le=65535, description="Gradio demo port.")
    work_slots: int = Field(1, ge=1, le=64, description="Training-like jobs that run at once on this machine.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of one job's math libraries.")
    analyze_threads: int = Field(2, ge=1, le=256, description="CPU threads of the warm analysis process.")
    analyze_seconds: float = Field(
        180,
        gt=0,
        description="Longest work of an analysis; a longer one is ended. The wait for a core or for models that load "
        "does not count, up to four times this limit.",
    )
    work_hours: float = Field(
        72, gt=0, description="Longest work of any other job; a longer one is ended, its folder stays."
    )
    memory_gb: float = Field(0, ge=0, description="Most memory of one job, GiB; 0: four fifths of the machine's.")
    upload_mb: int = Field(200, ge=1, le=200, description="Largest upload, MiB; the decoder takes 200 at most.")
    uploads_gb: float = Field(
        20, gt=0, description="Most GiB of uploads; above it the oldest that nothing needs are deleted."
    )
    public_hosts: str = Field(
        "",
        description="Host names, separated by commas, under which browsers reach the workbench and the demo, in the "
        "local "
        "network too. Addresses, localhost and this machine's own name always work; other names are refused.",
    )
    data_roots: str = Field(
        "",
        description="Folders, separated by the system's path separator, below which the browser may name data to "
        "prepare; the workspace's `incoming` always is one. Commands are not restricted.",
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    plugins: str = Field("", description="Modules, comma-separated, that register more job kinds when imported.")

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from environment variables.

        Args:
            environ: Variables; None: those of this process.

        Returns:
            Settings; a variable that is missing or empty leaves its default.

        Raises:
            ValueError: A variable holds a wrong value; the message names it.
        """
        environ = os.environ if environ is None else environ
        given = {
            name: environ[f"AWARE_{name.upper()}"] for name in cls.model_fields if environ.get(f"AWARE_{name.upper()}")
        }
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = f"AWARE_{str(first['loc'][0]).upper()}"
            raise ValueError(f"{name} is set to {environ.get(name)!r}: {first['msg']}") from error

    def environ(self) -> dict[str, str]:
        """Return the environment variables from which `read` gives these settings again, for a child process."""
        return {f"AWARE_{name.upper()}": str(value) for name, value in self.model_dump().items() if value != ""}

    def readable_roots(self) -> list[Path]:
        """Return the folders below which the browser may name data, the workspace's `incoming` first."""
        texts = [text.strip() for text in self.data_roots.split(os.pathsep)]
        named = [Path(text).expanduser().resolve() for text in texts if text]
        return list(dict.fromkeys([self.workspace.incoming, *named]))

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.home.expanduser().resolve())

    @property
    def url(self) -> str:
        """URL of the database in force."""
        return self.database_url or f"sqlite:///{self.workspace.database}"
