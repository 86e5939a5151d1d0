"""One command for each job kind, built from its spec: every field of a spec is an option."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app import console
from app.console import BAD_USE, Bar, with_plain_errors
from core.analysis.spec import AnalyzeSpec
from core.artifacts.files import read_json
from core.media.types import MediaRejected
from core.spec import Spec
from jobs.kind import JobKind, JobResult
from jobs.settings import Settings

# Fields that are arguments and no options, because people write them first.
POSITIONAL = {("prepare", "path"), ("protocol", "dataset"), ("analyze", "files")}
OWN = ("queue", "spec", "json")
PREVIEWS = {
    "validate_only": "Check lists, labels, splits and every file's first bytes; write nothing; exit 1 if any is bad.",
    "dry_run": "Count what would be made and measure a few files; write nothing.",
}


def command_for(kind: JobKind) -> Callable[..., None]:
    """Return the Typer command of a kind. What is not given is None, so that `--spec` or the default holds."""

    @with_plain_errors
    def command(**given: Any) -> None:
        own = {name: given.pop(f"own_{name}") for name in OWN}
        out = given.pop("own_out", None)
        previews = [name for name in PREVIEWS if given.pop(f"own_{name}", False)]
        spec = build_spec(kind, given, own["spec"])
        if previews:
            preview(spec, previews, own)
            return
        if own["queue"]:
            enqueue(kind, spec, own["json"])
        elif isinstance(spec, AnalyzeSpec) and (spec.bundle or out):
            judge_files(spec, out, own["json"])
        else:
            run_in_foreground(kind, spec, own["json"])

    parameters = [_parameter(kind.name, name, field) for name, field in kind.spec.model_fields.items()]
    parameters += _own_parameters(kind.name)
    parameters.sort(key=lambda p: not isinstance(p.default, typer.models.ArgumentInfo))
    command.__name__ = kind.name
    command.__doc__ = kind.summary
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _own_parameters(kind: str) -> list[inspect.Parameter]:
    options: dict[str, tuple[Any, Any]] = {
        "own_queue": (bool, typer.Option(False, "--queue", help="Queue the job; a worker runs it.")),
        "own_spec": (Path | None, typer.Option(None, "--spec", help="JSON file with fields; options replace them.")),
        "own_json": (bool, typer.Option(False, "--json", help="Print JSON, and nothing else, to stdout.")),
    }
    if kind == "analyze":
        help_text = "Folder for analysis.json and its pictures; with several files, one folder in it for each file."
        options["own_out"] = (Path | None, typer.Option(None, "--out", help=help_text))
    if kind == "prepare":
        for name, help_text in PREVIEWS.items():
            options[f"own_{name}"] = (bool, typer.Option(False, f"--{name.replace('_', '-')}", help=help_text))
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]


def _parameter(kind: str, name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the option (or argument) of one spec field, with its help, type and default."""
    annotation, is_list = _plain(field.annotation)
    default = field.get_default(call_default_factory=True)
    shown: bool | str = False if field.is_required() or default in (None, "", []) else _shown(default)
    help_text = field.description or ""
    flag = name.replace("_", "-")
    if (kind, name) in POSITIONAL:
        made: Any = typer.Argument(None, help=help_text, show_default=shown, metavar=name.upper())
        annotation = list[str] | None if is_list else annotation | None
    elif annotation is bool:
        made = typer.Option(None, f"--{flag}/--no-{flag}", help=help_text, show_default=shown)
        annotation = bool | None
    elif is_list:
        help_text += " Repeat the option, or separate by commas."
        made = typer.Option(None, f"--{flag}", help=help_text, show_default=shown, metavar="TEXT")
        annotation = list[str] | None
    else:
        if field.is_required():
            help_text += " Required."
        made = typer.Option(None, f"--{flag}", help=help_text, show_default=shown)
        annotation = annotation | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=made, annotation=annotation)


def _plain(annotation: Any) -> tuple[Any, bool]:
    """Return (bool, int, float or str, whether it is a list of it). The spec itself checks bounds and words."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    return (annotation if annotation in (bool, int, float) else str), False


def _shown(default: Any) -> str:
    if default is PydanticUndefined:
        return ""
    return ",".join(map(str, default)) if isinstance(default, list) else str(default)


def build_spec(kind: JobKind, given: dict[str, Any], file: Path | None) -> Spec:
    """Build a spec from a JSON file and the given options.

    Args:
        kind: The job kind.
        given: Field -> value; None and an empty list are not given.
        file: JSON file with fields; None: none.

    Returns:
        The spec.

    Raises:
        ValueError: A field is unknown or holds a wrong value (pydantic's ValidationError too), or the file is no JSON.
        FileNotFoundError: The file does not exist.
    """
    document = read_json(file) if file is not None else {}
    if not isinstance(document, dict):
        raise ValueError(f"{file} holds no JSON object; it must hold the fields of {kind.spec.__name__}")
    for name, value in given.items():
        if value is None or value == []:
            continue
        if isinstance(value, list) and (kind.name, name) not in POSITIONAL:
            value = [part.strip() for item in value for part in item.split(",") if part.strip()]
        document[name] = value
    return kind.spec.model_validate(document)


def preview(spec: Spec, previews: list[str], own: dict[str, Any]) -> None:
    """Check the source of a `prepare` instead of running it.

    Args:
        spec: Of `prepare`.
        previews: Names of PREVIEWS that are asked for.
        own: The options that every command has.

    Raises:
        ValueError: Two previews are asked for, or one and --queue.
    """
    from app.cli import prepare as cli_prepare

    if len(previews) > 1 or own["queue"]:
        raise ValueError("choose one of --validate-only, --dry-run and --queue")
    getattr(cli_prepare, previews[0])(spec, own["json"])


def enqueue(kind: JobKind, spec: Spec, as_json: bool) -> None:
    """Queue a job and print its id; on stderr say where it stands, or that no worker runs.

    Args:
        kind: The job kind.
        spec: Its input.
        as_json: Print a JSON document instead.
    """
    from jobs.client import Workbench

    workbench = Workbench.open(Settings.read())
    with console.json_only(as_json) as say:
        job_id = workbench.submit(kind.name, spec)
        say({"job": job_id})
    if not as_json:
        console.out.print(job_id, markup=False)
    if not any(worker.alive for worker in workbench.workers()):
        console.err.print("No worker is running: start one with `aware worker`, or everything with `aware up`.")
    elif place := workbench.queue_position(workbench.job(job_id)):
        console.err.print(place, markup=False, soft_wrap=True)


def run_in_foreground(kind: JobKind, spec: Spec, as_json: bool) -> None:
    """Run a job in this process, with a bar; it is registered, so that pages and `aware jobs` show it.

    Args:
        kind: The job kind.
        spec: Its input.
        as_json: Print JSON documents instead of text.

    Raises:
        typer.Exit: The job was stopped, or a file was not analysed.
        Exception: What the job itself has raised.
    """
    from jobs.client import Workbench
    from jobs.worker.foreground import run_here

    workbench = Workbench.open(Settings.read())
    with console.json_only(as_json) as say:
        with Bar() as bar:
            job_id, outcome = run_here(workbench, kind.name, spec, listener=bar.progress)
        if outcome.error is not None:
            if kind.pool == "analyze" and isinstance(outcome.error, MediaRejected):
                say(_rejection(spec.files[0], outcome.error))  # type: ignore[attr-defined]
            raise outcome.error
        if outcome.result is None:
            console.err.print(f"job {job_id}: {workbench.job(job_id).state}")
            raise typer.Exit(console.FAILED)
        values = outcome.result.values
        for document in values["analyses"] if kind.pool == "analyze" else [values]:
            say(document)
        for item in values.get("rejected", []) if kind.pool == "analyze" else []:
            say({"file_name": Path(item["file"]).name, "rejected": {k: item[k] for k in ("code", "sentence")}})
            console.err.print(f"{item['file']}:", end=" ", markup=False)
            console.complain(MediaRejected(item["code"], item["sentence"]))
    if not as_json:
        show_result(kind, outcome.result)
    if values.get("rejected") and kind.pool == "analyze":
        raise typer.Exit(BAD_USE)


def show_result(kind: JobKind, result: JobResult) -> None:
    """Print the result of a job that ran in this process.

    Args:
        kind: The job kind.
        result: What it gave back.
    """
    if kind.pool == "analyze":
        for document in result.values["analyses"]:
            show_verdict(document)
        return
    console.out.print(result.message, markup=False)
    for note in result.values.get("notes") or []:
        console.out.print(f"  {note}", markup=False, soft_wrap=True)
    for produced in result.produced:
        console.out.print(f"  {produced.kind} {produced.name}: {produced.path}", markup=False, soft_wrap=True)
    if kind.name == "prepare":
        from app.cli.prepare import show_card

        show_card(result.values["card"])


def judge_files(spec: AnalyzeSpec, out: Path | None, as_json: bool) -> None:
    """Judge each file and print its verdict at once. It needs no database when the bundle is named.

    Args:
        spec: Names the files.
        out: Folder for the documents and pictures; None: none.
        as_json: Print JSON documents instead of text.

    Raises:
        typer.Exit: A file was not analysed.
    """
    from jobs.worker.foreground import judge

    settings = Settings.read()
    if not spec.bundle:
        from jobs.client import Workbench

        active = Workbench.open(settings).active()
        spec = spec.model_copy(update={"bundle": str(active.bundle), "policy": spec.policy or str(active.policy or "")})
    worst = console.DONE
    with console.json_only(as_json) as say:
        for index, file in enumerate(spec.files):
            one = spec.model_copy(update={"files": [file]})
            folder = None if out is None else out if len(spec.files) == 1 else out / str(index)
            try:
                with Bar() as bar:
                    document = judge(one, settings.workspace, folder, bar)
            except MediaRejected as error:
                say(_rejection(file, error))
                console.err.print(f"{file}:", end=" ", markup=False)
                worst = max(worst, console.complain(error))
                continue
            say(document)
            if not as_json:
                show_verdict(document)
    if worst:
        raise typer.Exit(worst)


def _rejection(file: str, error: MediaRejected) -> dict[str, Any]:
    """Return the JSON document of a file that is not analysed."""
    return {"file_name": Path(file).name, "rejected": {"code": error.code, "sentence": error.sentence}}


def show_verdict(document: dict[str, Any]) -> None:
    """Print a verdict in a few lines: the analysis document's verdict, reason, warnings and bundle."""
    from app.analysis.cards import policy_facts
    from core.documents.analysis import BundleReference

    p_fake = document["p_fake"]
    figure = "" if p_fake is None else f", p_fake {p_fake:.3f}"
    how = "answer withheld at" if document["withheld"] else "decided by"
    by = f", {how} {document['decided_by']}" if document["decided_by"] else ""
    lines = [f"{document['file_name']}: {document['verdict'].replace('_', ' ').upper()}{figure}{by}"]
    lines.append(f"  {document['reason']}")
    lines += [f"  note: {warning}" for warning in document["warnings"]]
    cited = policy_facts(BundleReference.model_validate(document["bundle"]))
    lines.append("  " + "; ".join(f"{name.lower()}: {words}" for name, words in cited if name != "Guarantees"))
    for line in lines:
        console.out.print(line, markup=False, soft_wrap=True)
