"""Files and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("sealkit", "tests", "benchmarks", "tools", "docs")
FILE, FUNCTION, RECIPE, PIPELINE = 500, 60, 100, 200
"""Most lines; a function's are counted without its docstring."""


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of every function of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first, end = node.body[0], node.end_lineno or 0
            text = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) is not None else 0
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", end - node.lineno + 1 - text


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files() -> None:
    files = python_files(*FOLDERS)
    assert len(files) > 900
    assert not [str(path) for path in files if lines(path) > FILE]
    assert lines(ROOT / "sealkit/pipeline/seal_recognition.py") < PIPELINE


def test_functions() -> None:
    counted = [one for path in python_files("sealkit") for one in functions(path)]
    assert len(counted) > 4000
    assert not [one for one in counted if one[1] > FUNCTION]


def test_recipes() -> None:
    recipes = sorted((ROOT / "recipes").glob("*.yaml"))
    assert len(recipes) > 50
    assert not [path.name for path in recipes if lines(path) > RECIPE]
