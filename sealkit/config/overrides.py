"""`-o a.b.c=value`: settings from the command line, with one spelling everywhere.

The value is YAML (`-o train.amp=auto`, `-o 'augment.1.degrees=[-20, 20]'`, `-o ema=null`), split from the key at the
first `=`, so it may contain more of them. A number in the key is the position in a list, counted from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sealkit.config.foreign import foreign_key
from sealkit.config.problems import dotted, shown
from sealkit.config.yamlfile import KeyPath, parse_value
from sealkit.errors import ConfigError, Problem

# Short names accepted by -o alone, for the settings people change most. Recipes have one spelling.
SHORT_KEYS: Mapping[str, str] = {
    "batch_size": "train.batch_size",
    "device": "train.device",
    "epochs": "train.epochs",
    "init": "weights.init",
    "lr": "optimizer.lr",
    "max_steps": "train.max_steps",
    "num_workers": "train.num_workers",
}


@dataclass(frozen=True)
class Override:
    """One setting from the command line; `text` is how it was written."""

    path: KeyPath
    value: Any
    text: str


def parse_overrides(
    items: Sequence[str] | Mapping[str, Any], short_keys: Mapping[str, str] = SHORT_KEYS
) -> tuple[list[Override], list[Problem]]:
    """Overrides and what is wrong with their spelling.

    Args:
        items: `["train.batch_size=2", …]`, or from Python `{"train.batch_size": 2}`.
        short_keys: short name → key; none for pipeline configs, which have a `batch_size` of their own.
    """
    if isinstance(items, str):  # a Python user's overrides="a=1"
        items = [items]
    overrides: list[Override] = []
    problems: list[Problem] = []
    pairs = items.items() if isinstance(items, Mapping) else ((item, None) for item in items)
    for key, value in pairs:
        if isinstance(items, Mapping):
            text, name = f"{key}={shown(value)}", str(key)
        else:
            text = str(key)
            name, equals, raw = text.partition("=")
            if (problem := _misspelt(text, name, equals)) is not None:
                problems.append(problem)
                continue
            try:
                value = parse_value(raw)
            except ConfigError as error:
                problems.append(Problem("bad-value", f"-o {text}", error.what, error.hint, key=name))
                continue
        path = _path(short_keys.get(name, name))
        if foreign := foreign_key(name):
            problems.append(Problem("foreign-key", f"-o {text}", "is a key of PaddleX or PaddleOCR", foreign, key=name))
            continue
        overrides.append(Override(path, value, text))
    return overrides, problems


def _misspelt(text: str, name: str, equals: str) -> Problem | None:
    where = f"-o {text}"
    if not equals or not name.strip():
        if ":" in text and not equals:
            key, _, value = text.partition(":")
            return Problem(
                "not-a-setting", where, "settings are key=value", f"write -o {key.strip()}={value.strip() or 'VALUE'}"
            )
        return Problem(
            "not-a-setting",
            where,
            "is not key=value",
            "no spaces around '=': -o train.batch_size=2; file names go before -o",
        )
    if name != name.strip() or " " in name:
        return Problem(
            "not-a-setting", where, "a key has no spaces", f"write -o {name.replace(' ', '')}=…", key=name.strip()
        )
    return None


def _path(name: str) -> KeyPath:
    return tuple(int(part) if part.isdigit() else part for part in name.split("."))


def apply_override(tree: dict[str, Any], override: Override) -> Problem | None:
    """Set one value in `tree` in place; a block that is missing (or null) is made, a list is never lengthened."""
    where = f"-o {override.text}"
    node: Any = tree
    for depth, part in enumerate(override.path[:-1]):
        following = _step(node, part)
        if following is None and isinstance(node, dict) and isinstance(part, str):
            following = node[part] = {}
        if not isinstance(following, (dict, list)):
            return _dead_end(override, depth, node, part, where)
        node = following
    last = override.path[-1]
    if isinstance(node, list):
        if not isinstance(last, int) or last >= len(node):
            return _dead_end(override, len(override.path) - 1, node, last, where)
        node[last] = override.value
    else:
        node[str(last)] = override.value
    return None


def _step(node: Any, part: str | int) -> Any:
    if isinstance(node, list):
        return node[part] if isinstance(part, int) and part < len(node) else None
    return node.get(part) if isinstance(node, dict) else None


def _dead_end(override: Override, depth: int, node: Any, part: str | int, where: str) -> Problem:
    here = dotted(override.path[:depth])
    if isinstance(node, list):
        if isinstance(part, int):
            reason = f"{here} has {len(node)} item(s), counted from 0"
        else:
            reason = f"{here} is a list: give the position, as in {here}.0.{part}"
        return Problem(
            "bad-position", where, reason, f"to replace the list: -o '{here}=[…]'", key=dotted(override.path)
        )
    inner = dotted(override.path[: depth + 1])
    reason = f"{inner} is a single value, not a block"
    return Problem("not-a-block", where, reason, f"set {inner} itself", key=dotted(override.path))
