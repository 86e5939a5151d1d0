"""The sentences of a trace: what a member found, and what followed from it."""

from __future__ import annotations

from core.documents.policy import Exits


def exit_reason(title: str, p_fake: float, exits: Exits | None, outcome: str | None) -> str:
    """Say what a member gives and whether its exit decides.

    Args:
        title: The member's title.
        p_fake: Its calibrated p_fake.
        exits: Its exits; None when the member was asked for the card only.
        outcome: "real", "fake", or None when the unit stays open.

    Returns:
        One sentence.
    """
    score = f"{title} gives p_fake {p_fake:.3f}"
    if exits is None:
        return f"{score}."
    if outcome == "real":
        return f"{score}; its real exit is at {exits.real_below:.3f} or lower, so the face exits as real."
    if outcome == "fake":
        return f"{score}; its fake exit is at {exits.fake_above:.3f} or higher, so the face exits as fake."
    return f"{score}; {position(exits)}, so the face is passed on."


def final_reason(p_fake: float, exits: Exits, outcome: str | None) -> str:
    """Say what stage 3 gives and what the last band makes of it.

    Args:
        p_fake: The calibrated p_fake of stage 3.
        exits: The last band of the policy.
        outcome: "real", "fake", or None inside the band.

    Returns:
        One sentence.
    """
    score = f"Stage 3 combines all members and gives p_fake {p_fake:.3f}"
    if outcome == "real":
        return f"{score}; the policy calls {exits.real_below:.3f} or lower real."
    if outcome == "fake":
        return f"{score}; the policy calls {exits.fake_above:.3f} or higher fake."
    return f"{score}; {position(exits)}, so the face is uncertain."


def position(exits: Exits) -> str:
    """Say where a p_fake lies that takes neither exit.

    Args:
        exits: The exits of the member.

    Returns:
        A clause without a final stop.
    """
    if exits.real_below is None and exits.fake_above is None:
        return "the policy has no exit here"
    if exits.real_below is None:
        return f"this is below the only exit (fake at {exits.fake_above:.3f} or higher)"
    if exits.fake_above is None:
        return f"this is above the only exit (real at {exits.real_below:.3f} or lower)"
    return (
        f"this is between the exits (real at {exits.real_below:.3f} or lower, fake at {exits.fake_above:.3f} or higher)"
    )


def failure(error: BaseException) -> str:
    """Name an error in a few words.

    Args:
        error: What a member raised.

    Returns:
        Its type and the first line of its text, at most 160 characters.
    """
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {(lines[0] if lines else 'no message')[:160]}"
