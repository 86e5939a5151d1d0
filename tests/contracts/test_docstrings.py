"""Whoever reads a public name finds a sentence below it: every function, class and method of the house."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "jobs", "app", "pages")
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
