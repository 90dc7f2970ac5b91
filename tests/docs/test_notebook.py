"""docs/notebook.ipynb runs from top to bottom.

Its cells are executed one after another in one namespace, the last expression of each shown as a notebook shows it. No
Jupyter is needed: the notebook is held to plain Python (no magics), so that nothing is lost without it.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def run(cells: list[dict[str, Any]], folder: Path) -> list[Any]:
    """Value of the last expression of each cell, or None."""
    before = os.getcwd()
    os.chdir(folder)
    held, shown = {"__name__": "__main__"}, []
    try:
        for cell in cells:
            tree = ast.parse("".join(cell["source"]))
            last = tree.body.pop()
            value = last.value if isinstance(last, ast.Expr) else None
            if value is None:
                tree.body.append(last)
            exec(compile(tree, cell["id"], "exec"), held)
            shown.append(eval(compile(ast.Expression(value), cell["id"], "eval"), held) if value else None)
    finally:
        os.chdir(before)
    return shown


def test_it_is_a_notebook_without_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
    assert [tags(cell) for cell in CODE].count(["training"]) == 2 and len(CODE) >= 6


def test_cells_but_those_that_train(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run([cell for cell in CODE if "training" not in tags(cell)], ROOT / "docs")
    results = [value for value in shown if hasattr(value, "_repr_html_")]
    assert "<img" in results[0]._repr_html_() and results[0].texts[0] in capsys.readouterr().out
    assert any(isinstance(value, dict) and value.get("text") for value in shown)
    assert shown[-1] == 0  # the check of the labels


@pytest.mark.slow
def test_all_cells() -> None:
    """In a process of its own: Paddle takes the threads it starts with."""
    code = f"from tests.docs.test_notebook import *\nprint(run(CODE, {str(ROOT / 'docs')!r})[-2:])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("[2, [")
