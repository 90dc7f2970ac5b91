"""What docstrings name exists: arguments, attributes, errors.

ruff's DOC102 reads functions alone and passes over `a, b: …`. pydoclint itself wants every argument documented; this
project leaves out those whose name and type say all.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("sealkit", "benchmarks", "tools")
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def entries(docstring: str, section: str) -> list[str]:
    """Names in front of the colons of a section; `a, b: …` are two."""
    found = re.search(rf"^{section}:\n((?: +.*\n|\n)*)", docstring + "\n", re.MULTILINE)
    heads = re.findall(r"^ {4}(\S[^:\n]*):", found[1], re.MULTILINE) if found else []
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    given = function.args
    several = [given.vararg] if given.vararg else []
    several += [given.kwarg] if given.kwarg else []
    return {each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs, *several)}


def method(cls: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def fields(cls: ast.ClassDef) -> set[str]:
    """What a class declares or its methods set."""
    declared = {
        node.target.id for node in cls.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    declared |= {
        each.id
        for node in cls.body
        if isinstance(node, ast.Assign)
        for each in node.targets
        if isinstance(each, ast.Name)
    }
    declared |= {node.name for node in cls.body if isinstance(node, ast.FunctionDef)}
    written = [node for node in ast.walk(cls) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return declared | {node.attr for node in written if isinstance(node.value, ast.Name) and node.value.id == "self"}


class Package:
    """All files of the repository that are documented, and what classes of these names have."""

    def __init__(self) -> None:
        paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.documented: list[tuple[str, Documented, str]] = []
        for path in paths:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    self.classes.setdefault(node.name, []).append(node)
                if isinstance(node, Documented) and (docstring := ast.get_docstring(node)):
                    self.documented.append((f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node, docstring))

    def bases(self, cls: ast.ClassDef) -> Iterator[ast.ClassDef]:
        """The class and the package's classes it is derived from."""
        yield cls
        for base in cls.bases:
            name = base.value if isinstance(base, ast.Subscript) else base
            last = name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else ""
            for found in self.classes.get(last, []):
                if found is not cls:
                    yield from self.bases(found)

    def arguments(self, node: Documented) -> set[str]:
        if not isinstance(node, ast.ClassDef):
            return parameters(node)
        for cls in self.bases(node):
            if (made := method(cls, "__init__")) is not None:
                return parameters(made)
        return {name for cls in self.bases(node) for name in fields(cls)}


@pytest.fixture(scope="module")
def package() -> Package:
    return Package()


def test_names_of_arguments_exist(package: Package) -> None:
    wrong = {
        f"{where}: {name}"
        for where, node, docstring in package.documented
        for name in entries(docstring, "Args")
        if name not in package.arguments(node)
    }
    assert not wrong


def test_names_of_attributes_exist(package: Package) -> None:
    wrong = {
        f"{where}: {name}"
        for where, node, docstring in package.documented
        if isinstance(node, ast.ClassDef)
        for name in entries(docstring, "Attributes")
        if not any(name in fields(cls) for cls in package.bases(node))
    }
    assert not wrong


def test_errors_exist(package: Package) -> None:
    named = {(where, name) for where, _, text in package.documented for name in entries(text, "Raises")}
    known = (
        {name for name in package.classes if name.rsplit("_")[-1]} | set(dir(builtins)) | {"pydantic.ValidationError"}
    )
    assert len(named) > 200
    assert not {f"{where}: {name}" for where, name in named if name not in known}


def test_one_argument_a_line(package: Package) -> None:
    """`a: this. b: that` in one line hides b from every reader of sections."""
    hidden = set()
    for where, node, docstring in package.documented:
        for line in re.findall(r"^ {4}\w[\w, ]*: .*", docstring, re.MULTILINE):
            said = re.findall(r"[.;] (\w+): ", line)
            hidden |= {f"{where}: {name}" for name in said if name in package.arguments(node)}
    assert not hidden


def test_what_is_wrong_is_found() -> None:
    text = (
        "Do.\n\nArgs:\n    a, b: two\n        more: text.\n    *c: many.\n\nRaises:\n    ConfigError, OSError: both.\n"
    )
    assert entries(text, "Args") == ["a", "b", "c"]
    assert entries(text, "Raises") == ["ConfigError", "OSError"]
    (function,) = ast.parse("def f(a, /, b, *c, d=0, **e): ...").body
    assert isinstance(function, ast.FunctionDef)
    assert parameters(function) == set("abcde")
    (cls,) = ast.parse("class K:\n    x: int\n    y = 1\n    def g(self):\n        self.z = other.w = 1\n").body
    assert isinstance(cls, ast.ClassDef)
    assert fields(cls) == {"x", "y", "g", "z"}


def undocumented(cls: ast.ClassDef) -> set[str]:
    """Fields of a class that neither a docstring below them nor the section Attributes explains."""
    listed = set(entries(ast.get_docstring(cls) or "", "Attributes"))
    found = set()
    for field, below in zip(cls.body, [*cls.body[1:], None]):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            found |= set() if said or field.target.id in listed else {field.target.id}
    return found


def test_every_number_of_an_algorithm_says_what_it_is() -> None:
    rules = [
        (path, node)
        for path in sorted((ROOT / "sealkit").rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Rules")
    ]
    assert len(rules) > 40
    assert [f"{path}: {node.name}.{name}" for path, node in rules for name in sorted(undocumented(node))] == []
    silent = ast.parse("class ARules:\n    a: int = 1\n    b: int = 2\n    'what b is'\n").body[0]
    assert isinstance(silent, ast.ClassDef) and undocumented(silent) == {"a"}
