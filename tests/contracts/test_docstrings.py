"""Every public name has a docstring, and a function that takes arguments explains them in sections (Google style)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "jobs", "app", "pages")
# A function with at least so many arguments needs the sections Args, Returns and Raises where they apply.
LEAST_ARGUMENTS = {"core": 1, "jobs": 1, "app": 2, "pages": 2}
# Written down once, where the protocol is: core.progress.Reporter, core.data.sources.base.DataSource, torch's Module.
PROTOCOLS = {"progress", "metric", "part", "recognises", "find", "forward"}
# What a file is for stands at its head: a job kind's `run`, a page's `render`.
ENTRIES = {("jobs/kinds", "run"), ("pages", "render")}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def speaks_for_itself(node: ast.AST) -> bool:
    """A property of one expression: its name, its type and the docstring of its class say what it is."""
    return (
        isinstance(node, FUNCTIONS)
        and any(ast.unparse(d).endswith("property") for d in node.decorator_list)
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Return)
    )


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """(dotted name, definition) of the public functions and classes of a module, and of their methods."""
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, FUNCTIONS) and not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method


def wordless(text: str, folder: str) -> list[str]:
    """Public names of a module's source without a docstring, but for those that need none."""
    tree = ast.parse(text)
    missing = [] if ast.get_docstring(tree) or not tree.body else ["the file itself"]
    for name, node in public(tree):
        needless = "." in name and (name.split(".")[1] in PROTOCOLS or speaks_for_itself(node))
        if not (ast.get_docstring(node) or needless or (folder, name) in ENTRIES):
            missing.append(name)
    return missing


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_says_what_it_is(room):
    files = [path for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]
    assert files
    found = {
        path.relative_to(ROOT).as_posix(): wordless(path.read_text(), path.parent.relative_to(ROOT).as_posix())
        for path in files
    }
    assert {name: missing for name, missing in found.items() if missing} == {}


def sections_missing(text: str, least: int, folder: str = "") -> list[str]:
    """`name: section` of the public functions of a module's source that take `least` arguments or more.

    Args is needed for the arguments, Returns for a value (but a property and a context manager), Raises for every
    `raise` of an exception in the function itself. Ruff's D417 then asks for each argument by name."""
    missing = []
    for name, node in public(ast.parse(text)):
        if isinstance(node, ast.ClassDef) or (folder, name) in ENTRIES or name.split(".")[-1] in PROTOCOLS:
            continue
        taken = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        taken = [a for a in taken if a not in ("self", "cls")]
        if len(taken) < least or any("property" in ast.unparse(d) for d in node.decorator_list):
            continue
        doc = ast.get_docstring(node) or ""
        wanted = ["Args"]
        returns = ast.unparse(node.returns) if node.returns else "None"
        if returns not in ("None", "NoReturn"):
            wanted.append("Yields" if "Iterator" in returns or "Generator" in returns else "Returns")
        if any(isinstance(inner, ast.Raise) and inner.exc is not None for inner in own_statements(node)):
            wanted.append("Raises")
        for section in wanted:
            either = ("Yields", "Returns") if section in ("Yields", "Returns") else (section,)
            if not any(f"\n{one}:\n" in f"\n{doc}\n" for one in either):
                missing.append(f"{name}: {section}")
    return missing


def own_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function without those of functions defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            yield child
            yield from own_statements(child)


FOLDERS = sorted(
    {path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    - {"jobs/migrations", "jobs/migrations/versions"}
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_public_functions_explain_their_arguments(folder):
    least = LEAST_ARGUMENTS[folder.split("/")[0]]
    found = {
        path.name: sections_missing(path.read_text(), least, folder) for path in sorted((ROOT / folder).glob("*.py"))
    }
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_a_missing_section_is_seen():
    text = '''"""A room."""
def silent(x: int) -> int:
    """Do it."""
    raise ValueError(x)
def whole(x: int) -> int:
    """Do it.

    Args:
        x: A number.

    Returns:
        It.

    Raises:
        ValueError: Always.
    """
    raise ValueError(x)
def plain() -> int:
    """Do it."""
    return 1
'''
    assert sections_missing(text, 1) == ["silent: Args", "silent: Returns", "silent: Raises"]
    assert sections_missing(text, 2) == []


def test_the_walk_sees_what_is_missing():
    text = '''"""A room."""
class Bare:
    @property
    def plain(self): return 1
    @property
    def worked_out(self):
        x = 1
        return x
    def forward(self, x): return x
    def method(self): return 1
    def _own(self): return 1
def run(): return 1
def told():
    """Told."""
'''
    assert wordless(text, "core") == ["Bare", "Bare.worked_out", "Bare.method", "run"]
    assert wordless(text, "jobs/kinds") == ["Bare", "Bare.worked_out", "Bare.method"]
    assert wordless("x = 1", "core") == ["the file itself"]
