"""The house's arrows: pages -> app -> jobs -> core, and no torch where half of the science lives."""

import ast
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest
from networkx import strongly_connected_components as strongly_connected

ROOT = Path(__file__).resolve().parents[2]
# From the ground up: a room may import rooms that stand before it in this list, and itself. Files that lie directly in
# core, jobs or app are rooms of their own.
ORDER = [
    *("core", "core.glossary", "core.progress", "core.registry", "core.spec", "core.artifacts", "core.media"),
    "core.task",
    *("core.metrics", "core.tables", "core.documents", "core.data", "core.scores", "core.models", "core.explain"),
    *("core.train", "core.calibrate", "core.evaluate", "core.cascade", "core.policies", "core.stacking"),
    *("core.bundles", "core.analysis"),
    *(
        "jobs",
        "jobs.process",
        "jobs.clock",
        "jobs.kind",
        "jobs.settings",
        "jobs.queue",
        "jobs.migrations",
        "jobs.workspace",
    ),
    *("jobs.specs", "jobs.kinds", "jobs.client", "jobs.worker"),
    *("app", "app.console", "app.ui", "app.server", "app.charts", "app.analysis", "app.scores", "app.forms"),
    *("app.policies", "app.views", "app.cli", "app.demo", "app.main"),
    "pages",
]
# The same inside the rooms that have rooms: a folder of a folder, or a file beside such folders.
INSIDE = {
    "core.data": "faces manifest spec synth sources loading prepare",
    "core.models": "weights keras_mobilenet spec detector registry timm_experts genconvit inference",
    "core.calibrate": "log_odds spec base scale_table held_out folds methods scale_bands __init__ of_run compare "
    "restate fit",
    "core.evaluate": "spec thresholds report experts",
    "core.policies": "cost table search_spec spec binomial_test guarantees risk_control origin choose boards manual "
    "thresholds_document replay search",
}
# Rooms of numbers, documents and screens: they load without a network library.
LIGHT = (
    *("core/calibrate", "core/documents", "core/evaluate", "core/metrics", "core/policies", "core/scores"),
    *("core/tables", "jobs", "app", "pages"),
)
# Rooms of numbers: no function of theirs, however late it imports, reaches a network library. Scores are handed in.
NUMBERS = (
    *("core.metrics", "core.tables", "core.documents", "core.scores", "core.calibrate", "core.evaluate"),
    "core.policies",
)
NETWORKS = {"torch", "torchvision", "timm", "facenet_pytorch", "pytorch_grad_cam"}
HEAVY = ("torch", "timm", "lightgbm", "cv2", "torchvision", "facenet_pytorch", "pytorch_grad_cam")


TOPS = ("core", "jobs", "app", "pages")


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports anywhere, also inside functions."""
    return {name.split(".")[0] for name in imported_modules(path)}


def imported_modules(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports anywhere, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for top in TOPS for path in sources(top)}


def as_module(name: str) -> str | None:
    """The module of this project that an imported name means: itself, or the one that defines it."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def room_of(module: str) -> str:
    """`pages`, or the first two parts of a module's name."""
    return module.split(".")[0] if module.startswith("pages") else ".".join(module.split(".")[:2])


def arrows() -> set[tuple[str, str]]:
    """(module, module that it imports), inside the project."""
    pairs = {(name, as_module(other)) for name, path in MODULES.items() for other in imported_modules(path)}
    return {(name, other) for name, other in pairs if other and other != name}


def circles(graph: set[tuple[str, str]]) -> list[set[str]]:
    """Sets of more than one node that all reach each other."""
    return [found for found in strongly_connected(nx.DiGraph(graph)) if len(found) > 1]


def test_every_room_stands_in_the_order():
    assert {room_of(name) for name in MODULES} == set(ORDER)


def test_no_room_imports_one_that_stands_above_it():
    up = {(a, b) for a, b in arrows() if ORDER.index(room_of(b)) > ORDER.index(room_of(a))}
    assert sorted(up) == []


@pytest.mark.parametrize("room", INSIDE)
def test_no_folder_of_a_room_imports_one_above_it(room):
    order = INSIDE[room].split()

    def part(module: str) -> str:
        rest = module.removeprefix(room).strip(".")
        return rest.split(".")[0] or "__init__"

    own = {name for name in MODULES if room_of(name) == room}
    packages = {part(name) for name in own} - ({"__init__"} - set(order))
    assert packages == set(order)
    inside = {(a, b) for a, b in arrows() if (a in own and b in own and b != room) or (a in own and b == room)}
    inside = {(a, b) for a, b in inside if part(a) in order and part(b) in order}
    assert sorted((a, b) for a, b in inside if order.index(part(b)) > order.index(part(a))) == []


def test_no_files_import_each_other_in_a_circle():
    assert circles(arrows()) == []


def test_a_circle_would_be_found():
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == [{"a", "b", "c"}]


def ways_to_a_network(graph: set[tuple[str, str]], network: set[str]) -> list[list[str]]:
    """The shortest way from each module of NUMBERS that reaches a module of `network`, imports in functions counted."""
    walk = nx.DiGraph(graph)
    walk.add_nodes_from(network)
    ways = []
    for module in sorted(node for node in walk if room_of(node) in NUMBERS):
        reached = network & (nx.descendants(walk, module) | {module})
        if reached:
            ways.append(min((nx.shortest_path(walk, module, other) for other in sorted(reached)), key=len))
    return ways


def test_rooms_of_numbers_reach_no_network_even_inside_functions():
    network = {name for name, path in MODULES.items() if imported(path) & NETWORKS}
    assert len(network) > 20
    assert {room_of(name) for name in MODULES} >= set(NUMBERS)
    assert ways_to_a_network(arrows(), network) == []


def test_a_way_to_a_network_would_be_found():
    graph = {("core.metrics.a", "core.b"), ("core.b", "core.models.c"), ("core.metrics.d", "core.b2")}
    assert ways_to_a_network(graph, {"core.models.c"}) == [["core.metrics.a", "core.b", "core.models.c"]]
    assert ways_to_a_network(set(), {"core.metrics.late"}) == [["core.metrics.late"]]


def test_core_knows_no_database_and_no_screen():
    forbidden = {"sqlalchemy", "alembic", "streamlit", "gradio", "typer", "altair"}
    assert {p.name: imported(p) & forbidden for p in sources("core") if imported(p) & forbidden} == {}


def light_modules() -> list[str]:
    """Every module that must load without a network library: numpy science, specs, jobs, app, pages."""
    files = [p for room in LIGHT for p in (ROOT / room).rglob("*.py") if "migrations" not in p.parts]
    files += [ROOT / "core/bundles/bundle.py", *(ROOT / "core").rglob("spec.py")]
    return sorted({module_name(p) for p in files if p.name != "main.py" or p.parent.name == "cli"})


def test_light_modules_load_no_network_library():
    names = light_modules()
    assert len(names) > 25
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print([h for h in {HEAVY!r} if h in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "[]"


# The confined reader of foreign weights rehearses on a state dict that it makes in memory and throws away.
REHEARSALS = {("core/models/weights/imported_file_reader.py", "torch.save")}


def test_no_pickle_is_ever_written_or_read():
    wrong = []
    for top in TOPS:
        for path in sources(top):
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
