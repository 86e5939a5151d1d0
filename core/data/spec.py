"""Input of `prepare`: from raw media or a manifest to a data set with splits."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from core.spec import Spec, choose


class PrepareSpec(Spec):
    """Make a data set: read a manifest, a `real/` and `fake/` folder of images or clips, or draw the demo set."""

    path: str = Field(description="Manifest (CSV or Parquet), the folder of a source, or `demo`.")
    source: str = Field(
        "auto",
        pattern=r"^[a-z0-9_]+$",
        description="Layout of the files under the path; auto: recognised from their names, and reported.",
        json_schema_extra=choose("data_source"),
    )
    out: str = Field("", description="Folder to write; empty: datasets/NAME of the workspace.")
    name: str = Field(
        "",
        description="Name of the data set; empty: named after the source.",
        pattern=r"^[a-z0-9_.-]*$",
        max_length=100,
    )
    seed: int = Field(0, ge=0, description="Seed of the split hash, and of the demo portraits.")
    train_share: float = Field(0.6, gt=0, lt=1, description="Share of groups that fit weights.")
    select_share: float = Field(0.1, ge=0, lt=1, description="Share of groups that pick the epoch.")
    calib_share: float = Field(0.15, ge=0, lt=1, description="Share that fits calibrator and thresholds; rest: test.")
    keep_splits: bool = Field(
        True,
        description="Use a manifest's own split column: `val` is cut into val_calib and test, "
        "val_select comes out of train. Off: a hash gives every group its split.",
    )
    leaks: str = Field(
        "auto",
        pattern="^(auto|refuse|report)$",
        description="A person or clip in two splits: refuse it and name the rows, or report it on the card; auto: "
        "refuse, but for public sources whose official lists part people.",
    )
    join_duplicates: bool = Field(
        False, description="Pictures that look alike (perceptual hash) form one group, so that they are in one split."
    )
    source_check: bool = Field(
        True,
        description="Measure on at most 2,000 pictures how well a thumbnail or a spectrum alone separates the sources "
        "and "
        "labels, and report it on the card.",
    )
    label_map: str = Field("", description="Words for labels in the manifest, e.g. `real=0,fake=1`.")
    detect_faces: bool = Field(False, description="Find and crop faces; off: the pictures are crops already.")
    methods: list[str] = Field([], description="Only fakes of these methods; empty: all. Real files always stay.")
    compressions: list[str] = Field([], description="Only these compressions, e.g. c23 of FaceForensics++; empty: all.")
    group_by: str = Field(
        "auto",
        pattern="^(auto|file|folder|clip|identity|columns)$",
        description="What must not cross a split; auto: the best that the source knows. real/ and fake/ folders: "
        "files of "
        "one name (a fake stays with its original) or one folder; Celeb-DF: the source clip or the identity.",
    )
    siblings: str = Field(
        "leave_out",
        pattern="^(leave_out|keep)$",
        description="An official test list that cuts through groups (Celeb-DF): other clips of a tested group are "
        "left out of training, or kept as published, with the leak counted on the card.",
    )
    reals: str = Field("", description="DF40: folder of the real source its fakes come from (FF++ or Celeb-DF layout).")
    media: str = Field("", description="Road work: folder of the pictures; empty: beside the list.")
    frames: str = Field(
        "even",
        pattern="^(even|nth|seconds)$",
        description="Clips: frames spread evenly over the whole clip (near keyframes where it is long), every n-th "
        "frame from the first on, or one every so many seconds.",
    )
    every_seconds: float = Field(
        0.5, gt=0, le=60, description="Clips: seconds between frames for `seconds`, least seconds for `even`."
    )
    every_frames: int = Field(10, ge=1, le=10_000, description="Clips: n of `nth`.")
    max_faces: int = Field(50, ge=1, le=1000, description="Clips: most frames taken from one clip.")
    people: str = Field(
        "largest",
        pattern="^(largest|all|frontmost)$",
        description="largest: the person who fills most of the clip; all: bystanders too, in real clips only, because "
        "the label of "
        "a fake is about its subject (a manifest column `subject` can name other tracks); frontmost: the largest "
        "face of each frame, for clips with cuts.",
    )
    min_face_px: int = Field(80, ge=16, le=1024, description="Smaller faces are left out and counted.")
    crop_scale: float = Field(1.3, ge=1.0, le=3.0, description="Face box enlargement before the square crop.")
    aligned: bool = Field(False, description="Turn and scale faces so that eyes, nose and mouth lie at fixed places.")
    min_sharpness: float = Field(
        0.0, ge=0, le=10_000, description="Blurred faces are left out (variance of the Laplacian; 40 is soft, 0: off)."
    )
    max_yaw: float = Field(90.0, ge=0, le=90, description="Heads turned further are left out, degrees; 90: off.")
    min_brightness: float = Field(0.0, ge=0, le=255, description="Darker faces are left out, mean grey; 0: off.")
    max_brightness: float = Field(255.0, ge=0, le=255, description="Brighter faces are left out; 255: off.")
    keep_sound: bool = Field(True, description="Clips: keep the sound as WAV, 16 kHz mono, beside the crops.")
    workers: int = Field(
        0, ge=0, le=256, description="Worker processes; 0: one for each core, a single one for few files."
    )
    demo_identities: int = Field(150, ge=8, le=5000, description="`demo` only: people drawn.")
    demo_size: int = Field(256, ge=64, le=512, description="`demo` only: side of a portrait, pixels.")
    detector: str = Field("mtcnn", description="Face detector.", json_schema_extra=choose("face_detector"))

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, document: Any) -> Any:
        """A whole spec that was stored when `source` still meant what `path` means is read as it was meant."""
        whole = isinstance(document, dict) and {"source", "seed", "demo_size"} <= document.keys()
        if not whole or {"path", "out"} & document.keys():
            return document
        kept = {k: v for k, v in document.items() if k != "source" and (k, v) != ("group_by", "file")}
        return {**kept, "path": document["source"]}
