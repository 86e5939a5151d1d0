"""`aware policies` and `aware promote`: lists policies, shows what a promotion changes, and promotes."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app import console
from app.console import with_plain_errors
from app.ui.formatting import when
from jobs.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from core.documents.policy import CascadePolicy
    from jobs.client import Workbench

policies_app = typer.Typer(no_args_is_help=True, help="Policies: list them, and see which one is in force.")


def _workbench() -> Workbench:
    from jobs.client import Workbench

    return Workbench.open(Settings.read())


@policies_app.command("list")
@with_plain_errors
def list_policies() -> None:
    """List the saved policies, newest first; a star marks the one in force."""
    from app.policies.changes import refusal, title
    from app.policies.exits import active_policy
    from core.documents.read import read_policy

    workbench = _workbench()
    active, now = workbench.active(), active_policy(workbench)
    saved = [item.path for item in workbench.artifacts("policy") if item.path.is_file()]
    if now is not None and active.policy is None:
        console.out.print(f"* {title(now)} ({now.policy_id}): the bundle's own", markup=False, soft_wrap=True)
    for path in saved:
        policy = read_policy(path)
        mark = "*" if path == active.policy else " "
        why = f"; cannot be put in force: {words}" if (words := refusal(policy, active.bundle)) else ""
        line = f"{mark} {title(policy)} ({policy.policy_id}), {when(policy.created_at)}, {policy.author or '-'}{why}"
        console.out.print(line, markup=False, soft_wrap=True)
    if not saved:
        console.out.print("No policy is saved yet. `aware policy` or `aware search` makes one.", markup=False)


@with_plain_errors
def promote(
    policy: str = typer.Argument("", help="Policy id or file."),
    back: bool = typer.Option(
        False, "--back", help="Put the policy in force that was in force before the present one."
    ),
    author: str = typer.Option("", help="Name of the person who decides; empty: the user of this machine."),
    reason: str = typer.Option("", help="Reason; the history shows it. Empty: the policy's own reason."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask for confirmation."),
) -> None:
    """Put a policy in force for page, demo and command, after showing what changes; --back undoes it.

    Args:
        policy: Policy id or file.
        back: Return to the policy before.
        author: Who decides.
        reason: Why.
        yes: Do not ask.

    Raises:
        ValueError: No policy is named, none was in force before, or it cannot be put in force.
        typer.Exit: The answer was no.
    """
    from app.policies.changes import headline, previous_policy, refusal, title
    from app.policies.exits import active_policy
    from core.artifacts.finding import find_policy
    from core.documents.read import read_policy

    if bool(policy) == back:
        raise ValueError("name a policy (`aware policies list` shows them), or use --back")
    workbench = _workbench()
    bundle, path = workbench.active().bundle, None
    if back:
        before = previous_policy(workbench)
        if before is None:
            raise ValueError("no other policy was in force before under this bundle")
        path, reason = before[0], reason or f"back to {before[1]}"
    else:
        path = find_policy(policy, workbench.workspace)
    now, then = active_policy(workbench), read_policy(path or bundle / "policy.json")
    if words := refusal(then, bundle):
        raise ValueError(words)
    console.out.print(headline(now, then), markup=False)
    show_changes(now, then, bundle)
    if not yes and not typer.confirm("Put it in force?"):
        console.out.print("Nothing is changed.", markup=False)
        raise typer.Exit(console.FAILED)
    workbench.set_active(policy=path or "", author=author or getpass.getuser(), reason=reason or then.reason)
    line = f"in force: {title(then)} ({then.policy_id})"
    way = previous_policy(workbench)
    console.out.print(line + (f"; back to {way[1]}: aware promote --back" if way else ""), markup=False, soft_wrap=True)


def show_changes(now: CascadePolicy | None, then: CascadePolicy, bundle: Path) -> None:
    """Print rates, exits and bounds of two policies, as the page's dialog shows them.

    Args:
        now: The policy in force; None: it cannot be read.
        then: The policy that is to come into force.
        bundle: Folder of the bundle in force.
    """
    from app.policies.changes import exit_changes, exits_note, rate_changes
    from app.policies.exits import stage_titles

    rates, note = rate_changes(now, then, bundle)
    _table(rates)
    console.out.print(note, markup=False)
    exits = exit_changes(now, then, stage_titles(bundle))
    _table(exits[exits["change"] == "changes"].drop(columns="change"))
    console.out.print(exits_note(exits), markup=False)


def _table(frame: pd.DataFrame) -> None:
    from rich.table import Table
    from rich.text import Text

    if frame.empty:
        return
    table = Table(*map(str, frame.columns), box=None)
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(str(value)) for value in row))
    console.out.print(table)
