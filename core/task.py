"""The two classes of a task. Label 1 is the positive class, everywhere."""

from __future__ import annotations

from core.spec import Spec


class Task(Spec):
    """A binary task; pages take their words from it.

    Attributes:
        name: Name of the task.
        classes: Names of the classes; the index is the label.
        item: What one item is called.
    """

    name: str
    classes: tuple[str, str]
    item: str

    @property
    def negative(self) -> str:
        return self.classes[0]

    @property
    def positive(self) -> str:
        return self.classes[1]


FACES = Task(name="faces", classes=("real", "fake"), item="face")
ROADWORK = Task(name="roadwork", classes=("no roadwork", "roadwork"), item="picture")
