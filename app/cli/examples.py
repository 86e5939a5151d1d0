"""What `aware KIND --help` shows besides the fields: the words that a field may hold, and an example."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from app.forms.fields import describe
from jobs.kind import kinds
from jobs.specs.choices import choices

EXAMPLES = {
    "analyze": "aware analyze portrait.jpg clip.mp4 --out verdicts",
    "calibrate": "aware calibrate --run first --method temperature",
    "embed": "aware embed --run first --dataset faces",
    "evaluate": "aware evaluate --run first --split test",
    "evidence": "aware evidence --runs first --dataset faces",
    "experts": "aware experts --stack stacked --split test",
    "export": "aware export --stack stacked --name cascade --zip",
    "import_detector": "aware detectors import genconvit-ed weights.pth --name published",
    "import_scores": "aware scores import scores.csv --name theirs",
    "policy": "aware policy --source stacked --max-leakage 0.05 --confidence 0.9",
    "prepare": "aware prepare pictures --name faces",
    "protocol": "aware protocol faces --kind method",
    "search": "aware search --source stacked --max-leakage 0.05",
    "stack": "aware stack --stage1 first --experts texture,frequency --name stacked",
    "train": "aware train --dataset faces --recipe stage1_small --name first",
}
"""An example command of every kind."""


class KindCommand(TyperCommand):
    """The command of a job kind. Lists of words are read only when help is asked for: some modules load slowly."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, each with the words that it may hold.

        Args:
            ctx: Click's context.
            formatter: Takes the text.
        """
        known_words = choices_of(self.name or "")
        for parameter in self.params:
            known: tuple[str, ...] = known_words.get(str(parameter.name), ())
            if known and parameter.param_type_name == "option":
                description = str(getattr(parameter, "help", None) or "")
                parameter.help = f"{description} One of: {', '.join(known)}."  # type: ignore[attr-defined]
        super().format_options(ctx, formatter)
        if example := EXAMPLES.get(self.name or ""):
            with formatter.section("Example"):
                formatter.write_text(example)


def choices_of(kind: str) -> dict[str, tuple[str, ...]]:
    """Return the words that the fields of a kind's spec may hold.

    Args:
        kind: Name of a job kind.

    Returns:
        Field -> words, of the fields that hold words.
    """
    words: dict[str, tuple[str, ...]] = {}
    for field in describe(kinds.get(kind).spec):
        known: Any = field.choices or tuple(choices(field.reference))
        if known:
            words[field.name] = known
    return words
