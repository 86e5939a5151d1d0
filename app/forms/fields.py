"""Describe every field of a spec as one input: its label, its type, its bounds; nothing is drawn here."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from core.spec import Spec
from jobs.specs.choices import titles

Shape = Literal["text", "whole", "number", "switch", "choice", "texts", "numbers", "json"]
MISSING: Any = object()


@dataclass(frozen=True)
class FormField:
    """One input of a form.

    Attributes:
        name: Name of the field in the spec.
        label: What the form calls it.
        shape: Type of the input.
        help: Description of the field.
        default: Its default; MISSING when it is required.
        optional: Whether None is a value.
        low: Smallest value allowed; None without a bound, and for an exclusive bound, which validation reports.
        high: Largest value allowed, in the same way.
        choices: Words to choose from.
        reference: What the field refers to, as in `choose(...)` of the spec; empty when it refers to nothing.
        titles: Choice -> text on the screen, for choices that are shown under another name.
    """

    name: str
    label: str
    shape: Shape
    help: str
    default: Any
    optional: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    reference: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)

    def shown(self, value: str) -> str:
        """Return the text on the screen of one of the choices."""
        return self.titles.get(value, value)

    @property
    def required(self) -> bool:
        return self.default is MISSING


def describe(spec: type[Spec]) -> list[FormField]:
    """Describe every field of a spec, in the order of the spec."""
    return [_field(name, info) for name, info in spec.model_fields.items()]


def label_of(name: str) -> str:
    """Return the label of a field: `batch_size` becomes `Batch size`."""
    known = {"lr": "Learning rate", "n_bootstrap": "Bootstrap draws", "n_bins": "Bins",
             "stage1": "Stage 1", "optimize_metric": "Minimised",
             "optimize_method": "Solver", "val_split": "Share held out"}  # fmt: skip
    return known.get(name, name.replace("_", " ").capitalize())


def _field(name: str, info: FieldInfo) -> FormField:
    annotation, optional = _without_none(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    choices = _choices(annotation, info)
    default = MISSING if info.is_required() else info.get_default(call_default_factory=True)
    bounds = _bounds(info, whole=annotation is int)
    return FormField(
        name=name,
        label=info.title or label_of(name),
        shape="choice" if choices else _shape(annotation),
        help=info.description or "",
        default=default,
        optional=optional,
        low=bounds[0],
        high=bounds[1],
        choices=choices,
        reference=str(extra.get("choose", "")),
        titles={**titles(str(extra.get("choose", ""))), **_titles(extra)},
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [item for item in get_args(annotation) if item is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False


def _shape(annotation: Any) -> Shape:
    plain: dict[Any, Shape] = {bool: "switch", int: "whole", float: "number", str: "text"}
    if annotation in plain:
        return plain[annotation]
    if get_origin(annotation) is list:
        items: dict[Any, Shape] = {str: "texts", float: "numbers", int: "numbers"}
        return items.get(get_args(annotation)[0], "json")
    return "text" if getattr(annotation, "__name__", "") == "Path" else "json"


def _choices(annotation: Any, info: FieldInfo) -> tuple[str, ...]:
    """Return the choices of a literal type, or of a pattern that is a list of words: `^(nll|ece)$`."""
    if get_origin(annotation) is Literal:
        return tuple(str(item) for item in get_args(annotation))
    for item in info.metadata:
        words = re.fullmatch(r"\^\(([\w.|-]+)\)\$", getattr(item, "pattern", None) or "")
        if words:
            return tuple(words.group(1).split("|"))
    return ()


def _titles(extra: Mapping[str, Any]) -> dict[str, str]:
    titles_given = extra.get("titles", {})
    return {str(value): str(text) for value, text in titles_given.items()} if isinstance(titles_given, dict) else {}


def _bounds(info: FieldInfo, whole: bool) -> tuple[float | None, float | None]:
    low = high = None
    for item in info.metadata:
        if isinstance(item, Ge):
            low = item.ge
        elif isinstance(item, Le):
            high = item.le
        elif isinstance(item, Gt) and whole:
            low = item.gt + 1  # type: ignore[operator]
        elif isinstance(item, Lt) and whole:
            high = item.lt - 1  # type: ignore[operator]
    return low, high  # type: ignore[return-value]
