"""Thresholds of geometry are documented fields of one frozen class per algorithm, never loose numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sealkit.geometry

FILES = sorted(Path(sealkit.geometry.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_threshold_stands_alone(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    loose = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_")
    ]
    assert loose == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_field_of_the_rules_says_what_it_is(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for rules in (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.endswith("Rules")):
        assert ast.unparse(rules.decorator_list[0]) == "dataclass(frozen=True)"
        for field, doc in zip(rules.body[1::2], rules.body[2::2], strict=True):
            assert isinstance(field, ast.AnnAssign) and isinstance(doc, ast.Expr), ast.unparse(field)
