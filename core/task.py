"""What is being told apart. Label 1 is the positive class, everywhere."""

from __future__ import annotations

from core.spec import Spec


class Task(Spec):
    """Names of the two classes (index = label) and of one item; pages take their words from here."""

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
