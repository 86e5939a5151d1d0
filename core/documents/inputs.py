"""The input of a detector, stated beside its weights. No torch here: bundles and pages read it too."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.spec import Spec


class InputSpec(Spec):
    """Preprocessing that travels with the weights. Pixels arrive as uint8 RGB face crops."""

    kind: Literal["face", "face_context", "clip", "clip_audio"] = "face"
    size: int = Field(256, ge=16, le=1024, description="Side of the square input, pixels.")
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    crop_scale: float = Field(1.3, ge=1.0, le=3.0, description="Face box enlargement before the square crop.")
