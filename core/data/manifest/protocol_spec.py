"""Input of `protocol`: which method or source a data set is to do without."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class ProtocolSpec(Spec):
    """Pin a leave-one-out protocol of a data set; train and evaluate on it as NAME@PROTOCOL."""

    dataset: str = Field(
        description="Data set name in the workspace, or its folder.", json_schema_extra=choose("dataset")
    )
    kind: str = Field(
        "method", pattern="^(method|source)$", description="What is left out: fakes of a method, or a source."
    )
    left_out: list[str] = Field(
        [], description="Methods or sources left out together; empty: each in turn, one protocol each."
    )
    name: str = Field(
        "", description="Name of the protocol; empty: named after what it leaves out.", pattern=r"^[a-z0-9_-]*$"
    )
    replace: bool = Field(False, description="Pin again when a protocol of that name is pinned to other rows.")
