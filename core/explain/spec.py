"""Input of `evidence`. No torch here."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from core.spec import Spec, choose

MAP_METHODS = ("grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam")
PLANT_KINDS = ("noise", "blend")


class EvidenceSpec(Spec):
    """Plant artefacts at known places of real faces and measure whether the experts' heat maps point at them."""

    runs: list[str] = Field([], description="Trained runs to test.", json_schema_extra=choose("expert_runs"))
    bundle: str = Field("", description="Or all members of a bundle.", json_schema_extra=choose("bundle"))
    dataset: str = Field("", description="Data set; empty: the first run's own.", json_schema_extra=choose("dataset"))
    split: str = Field("test", description="Split whose real faces get the patches.", json_schema_extra=choose("split"))
    name: str = Field("", description="Name of a bundle's report; empty: by time.", pattern=r"^[a-z0-9_.-]*$")
    methods: list[str] = Field(
        ["grad_cam", "layer_cam"], description=f"Kinds of map: {', '.join(MAP_METHODS)}.", min_length=1
    )
    plants: list[str] = Field(list(PLANT_KINDS), description=f"Kinds of plant: {', '.join(PLANT_KINDS)}.", min_length=1)
    items: int = Field(60, ge=2, le=5000, description="Real faces that get each plant (seeded).")
    n_bootstrap: int = Field(1000, ge=1, le=100000, description="Draws of groups for the intervals.")
    seed: int = Field(0, ge=0, description="Seed of faces, places and bootstrap.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, names: list[str]) -> list[str]:
        return _known(names, MAP_METHODS, "kind of map")

    @field_validator("plants")
    @classmethod
    def _known_plants(cls, names: list[str]) -> list[str]:
        return _known(names, PLANT_KINDS, "kind of plant")

    @model_validator(mode="after")
    def _names_somebody(self) -> EvidenceSpec:
        if bool(self.runs) == bool(self.bundle):
            raise ValueError("name either runs or a bundle to test")
        if self.bundle and not self.dataset:
            raise ValueError("a bundle knows no data set here: name one")
        return self


def _known(names: list[str], known: tuple[str, ...], what: str) -> list[str]:
    """The names once each. Raises ValueError for one that is not known."""
    if strange := sorted(set(names) - set(known)):
        raise ValueError(f"no {what} {', '.join(strange)}; there are {', '.join(known)}")
    return list(dict.fromkeys(names))


def check_heat_maps(words: list[str]) -> list[str]:
    """Check the words that choose kinds of heat maps.

    Args:
        words: KIND for all members, or MEMBER=KIND for one.

    Returns:
        The words as given.

    Raises:
        ValueError: A kind is not one of `MAP_METHODS`.
    """
    for word in words:
        _known([word.rpartition("=")[2]], MAP_METHODS, "kind of map")
    return words


def heat_map_of(member: str, words: list[str]) -> str:
    """Find the kind of heat map that is asked for one member.

    Args:
        member: Name of the member.
        words: KIND for all members, or MEMBER=KIND for one; the member's own word comes first.

    Returns:
        The kind; empty where neither is given.
    """
    asked = {name: kind for name, _, kind in (word.rpartition("=") for word in words)}
    return asked.get(member, asked.get("", ""))


def check_members(words: list[str], members: list[str]) -> None:
    """Check that every member that is named exists.

    Args:
        words: KIND or MEMBER=KIND.
        members: Names of the bundle's members.

    Raises:
        ValueError: A word names a member that the bundle lacks.
    """
    named = {name for name in (word.rpartition("=")[0] for word in words) if name}
    if strange := sorted(named - set(members)):
        raise ValueError(f"heat_maps names {', '.join(strange)}; the bundle's members are {', '.join(members)}")
