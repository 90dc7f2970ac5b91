"""Command lines that the package's messages name: collected from its strings."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from sealkit.cli import COMMANDS

PACKAGE = Path(__file__).resolve().parents[2] / "sealkit"
HOLE = "\N{WHITE SQUARE}"
"""Stands for what an f-string fills in."""
_LINE = re.compile(
    r"(?:`|\b(?:next|run|write one|with|or|start from|it again|export it first):? |^)"
    rf"sealkit ((?:{'|'.join(COMMANDS)})\b[^`\n;,]*)"
)
_PROSE = re.compile(r"\s(?:#|\(|takes |gives |shows |says |lists |tries |makes |brings |reads |has |of |is ).*")
"""Where a sentence goes on after a command line."""


@functools.cache
def messages() -> tuple[tuple[str, str], ...]:
    """(file:line, text) of every string that is no docstring; what an f-string fills in is HOLE."""
    return tuple(_messages())


def _messages() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
            id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
        }
        bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in parts or id(node) in bare:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(PACKAGE.parent)}:{node.lineno}", node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(str(one.value) if isinstance(one, ast.Constant) else HOLE for one in node.values)
                yield f"{path.relative_to(PACKAGE.parent)}:{node.lineno}", text


def commands() -> Iterator[tuple[str, list[str]]]:
    """(file:line, words after `sealkit`) of each command line that a message names."""
    for where, text in messages():
        for found in _LINE.findall(text):
            line = re.sub(r"[\[\]…]", "", _PROSE.sub("", f"{found} ")).strip(" :)'\"")
            line = re.sub(r"(?<=\w)\.$", "", line)
            line += "".join(mark for mark in "'\"" if line.count(mark) % 2)  # a quoted value ends the line
            yield where, shlex.split(line)
