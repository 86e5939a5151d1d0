"""The input of an analysis."""

from __future__ import annotations

from pydantic import Field, field_validator

from core.explain.spec import MAP_METHODS, check_heat_maps
from core.spec import Spec, choose


class AnalyzeSpec(Spec):
    """Judge images or clips with a bundle."""

    files: list[str] = Field(description="Pictures or clips.", min_length=1, max_length=64)
    bundle: str = Field("", description="Bundle folder; empty: the active one.", json_schema_extra=choose("bundle"))
    policy: str = Field(
        "",
        description="Policy id or file; empty: the active one, or the bundle's own.",
        json_schema_extra=choose("policy"),
    )
    frames: int = Field(
        16, ge=1, le=256, description="Clips: number of frames that are scored, spread over the whole length."
    )
    max_faces: int = Field(8, ge=1, le=64, description="Most faces (or tracks) to score; a warning counts the rest.")
    whole_frame: bool = Field(False, description="Score the whole picture when no face is found.")
    explain: bool = Field(True, description="Make heat maps and reconstructions.")
    heat_maps: list[str] = Field(
        [],
        description=f"Kind of heat map of a member, as MEMBER=KIND, or KIND for all: {', '.join(MAP_METHODS)}; "
        "else the one of its architecture.",
    )
    all_members: bool = Field(
        False, description="Score with every expert, even after an exit (the verdict does not change)."
    )
    detector: str = Field("mtcnn", description="Face detector.", json_schema_extra=choose("face_detector"))
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")

    @field_validator("heat_maps")
    @classmethod
    def _known_maps(cls, heat_maps: list[str]) -> list[str]:
        return check_heat_maps(heat_maps)
