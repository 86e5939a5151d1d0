"""The house's arrows: pages -> app -> jobs -> core, and no torch where half of the science lives."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a room may import besides itself.
ALLOWED = {
    "core": set(),
    "jobs": {"core"},
    "app": {"core", "jobs"},
    "pages": {"core", "jobs", "app"},
}
# Rooms of numbers, documents and screens: they load without a network library.
LIGHT = (
    "core/calibrate",
    "core/evaluate",
    "core/metrics",
    "core/scores",
    "core/policies",
    "core/documents",
    "core/tables",
    "jobs",
    "app",
    "pages",
)
HEAVY = ("torch", "timm", "lightgbm", "cv2", "torchvision", "facenet_pytorch", "pytorch_grad_cam")


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports anywhere, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("room", ALLOWED)
def test_no_room_imports_from_right_to_left(room):
    files = sources(room)
    assert files
    wrong = {
        str(path.relative_to(ROOT)): sorted((imported(path) & set(ALLOWED)) - ALLOWED[room] - {room}) for path in files
    }
    # The app's navigation names its pages by file; it never imports them.
    assert {k: v for k, v in wrong.items() if v} == {}


def test_core_knows_no_database_and_no_screen():
    forbidden = {"sqlalchemy", "alembic", "streamlit", "gradio", "typer", "altair"}
    assert {p.name: imported(p) & forbidden for p in sources("core") if imported(p) & forbidden} == {}


def light_modules() -> list[str]:
    """Every module that must load without a network library: numpy science, specs, jobs, app, pages."""
    rooms = [ROOT / room for room in LIGHT]
    files = [p for room in rooms for p in sorted(room.rglob("*.py")) if "migrations" not in p.parts]
    files += [ROOT / "core/cascade" / f"{name}.py" for name in ("types", "spec", "policy", "joint", "search", "cost")]
    files += [ROOT / "core/tables/predictions.py", ROOT / "core/bundles/bundle.py"]
    files += sorted((ROOT / "core").rglob("spec.py"))
    return sorted({module_name(p) for p in files if p.name != "main.py"})


def test_light_modules_load_no_network_library():
    names = light_modules()
    assert len(names) > 25
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print([h for h in {HEAVY!r} if h in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "[]"


# The confined reader of foreign weights rehearses on a state dict that it makes in memory and throws away.
REHEARSALS = {("core/models/weights/imported_file_reader.py", "torch.save")}


def test_no_pickle_is_ever_written_or_read():
    wrong = []
    for room in ALLOWED:
        for path in sources(room):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                owner = ast.unparse(node.func.value)
                safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
                if owner in {"pickle", "joblib", "dill", "cloudpickle"} or (
                    (owner, node.func.attr) in {("torch", "load"), ("torch", "save")} and not safe
                ):
                    if (path.relative_to(ROOT).as_posix(), f"{owner}.{node.func.attr}") in REHEARSALS:
                        continue
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []
