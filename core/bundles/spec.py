"""Input of `export`."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class ExportSpec(Spec):
    """Freeze runs, stack and policy into a bundle: one folder (and a zip) with every file's hash."""

    stack: str = Field(description="Stack run.", json_schema_extra=choose("run"))
    policy: str = Field(
        "",
        description="Policy id or file; empty: the stack run's newest.",
        json_schema_extra=choose("policy"),
    )
    name: str = Field("cascade", description="Name of the bundle.", pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")
    version: str = Field("1", description="Version.", pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,39}$")
    card: str = Field("", description="Markdown file that is put first in the model card.")
    out: str = Field("", description="Folder to write; empty: the workspace's bundles.")
    half: bool = Field(False, description="Store weights as float16 (half the size; scores move by about 1e-3).")
    zip: bool = Field(False, description="Also write NAME-VERSION.zip beside the folder.")
