"""A prepared data set with every column that faces bring, small enough for page tests: drawn squares, real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.artifacts.files import read_json, write_text
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import Manifest
from core.data.manifest.splits import Shares
from jobs.client import Workbench
from jobs.kind import Produced

PEOPLE = 20
THRESHOLDS = {"min_face_px": 80, "crop_scale": 1.3, "detector": "mtcnn"}
REPORT = (
    "file,outcome,code,sentence,crops\n"
    "clip0.mp4,kept,,,2\n"
    "clip1.mp4,refused,damaged,The clip is damaged and cannot be decoded.,0\n"
    "wall.jpg,no_face,no_face,No face was found.,0\n"
)


def face_rows(folder: Path, people: int = PEOPLE) -> pd.DataFrame:
    """Two pictures a person, one real and one fake, with their quality; the files are written below `folder`."""
    (folder / "pictures").mkdir(parents=True)
    rng = np.random.default_rng(3)
    rows = []
    for number in range(people * 2):
        person, label = divmod(number, 2)
        method = ("FaceSwap", "Blend")[person % 3 == 0] if label else "none"
        path = f"pictures/{number:03d}.png"
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(folder / path)
        rows.append(
            {
                "sample_id": f"id{number:03d}", "path": path, "label": label, "dataset": ["alpha", "beta"][person % 2],
                "group": f"person-{person:02d}", "split": "", "method": method,
                "compression": "c23", "identity": f"person-{person:02d}", "source": f"clip{person}.mp4",
                "video": f"clip{person}", "time": number / 4, "track": number % 2, "native_px": 80.0 + 5 * number,
                "sharpness": 100.0 - number, "brightness": 90.0 + number % 7, "contrast": 30.0, "yaw": number - 20.0,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def face_set(workbench: Workbench, name: str = "clips") -> Path:
    """The folder of such a data set, split, with its report, registered in the workbench."""
    folder = write_face_set(workbench.workspace, name)
    workbench.register(Produced("dataset", name, str(folder), read_json(folder / "dataset.json")))
    return folder


def write_face_set(workspace: Workspace, name: str = "clips") -> Path:
    """The same without a database."""
    folder = workspace.datasets / name
    manifest = Manifest(face_rows(folder), folder).with_splits(Shares(), seed=0)
    manifest.save(folder, name=name, thresholds=THRESHOLDS)
    write_text(folder / "report.csv", REPORT)
    return folder
