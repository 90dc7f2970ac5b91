"""Settings → YAML that reads back to the same settings, each line with where its value came from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from sealkit.config.load import Loaded
from sealkit.config.schema import Slot, describe, meanings, slot_at
from sealkit.config.yamlfile import KeyPath

_COMMENT_COLUMN = 56
_WIDTH = 112


def to_yaml(loaded: Loaded[Any], *, origins: bool = True, explain: bool = False) -> str:
    """The resolved settings as YAML.

    Args:
        origins: end each line with its origin (`# recipes/x.yaml:12`, `# -o train.batch_size=2`, `# default`).
        explain: put meaning and allowed values above each key.
    """
    settings = loaded.settings
    tree = settings.model_dump(mode="json")
    lines = []
    for text, path in _lines(tree, (), 0):
        if explain and path:
            lines += _explanation(type(settings), path, tree, len(text) - len(text.lstrip(" -")))
        lines.append(f"{text:<{_COMMENT_COLUMN}}  # {loaded.origin(path)}" if origins and path else text)
    return "\n".join(lines) + "\n"


def _lines(tree: dict[str, Any], path: KeyPath, indent: int) -> Iterator[tuple[str, KeyPath]]:
    """(text, key path) of each line; the path is empty for lines without a value of their own."""
    pad = " " * indent
    for key, value in tree.items():
        here: KeyPath = (*path, key)
        if isinstance(value, dict) and value:
            yield f"{pad}{key}:", ()
            yield from _lines(value, here, indent + 2)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield f"{pad}{key}:", ()
            for index, item in enumerate(value):
                yield from _item(item, (*here, index), indent + 2)
        else:
            yield f"{pad}{key}: {_scalar(value)}", here


def _item(item: Any, path: KeyPath, indent: int) -> Iterator[tuple[str, KeyPath]]:
    pad = " " * indent
    if not isinstance(item, dict):
        yield f"{pad}- {_scalar(item)}", path
        return
    for position, (text, here) in enumerate(_lines(item, path, indent + 2)):
        yield (f"{pad}- {text[indent + 2 :]}" if position == 0 else text), here


def _scalar(value: Any) -> str:
    """One line of YAML, safe for YAML 1.1 and 1.2 readers alike (`"off"` is quoted)."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return str(text).removesuffix("\n").removesuffix("...").rstrip("\n")


def _explanation(root: type[BaseModel], path: KeyPath, tree: Any, indent: int) -> list[str]:
    slot = slot_at(root, path, tree)
    if slot is None:
        return []
    parent: Slot | None = slot_at(root, path[:-1], tree)
    value = tree
    for part in path[:-1]:
        value = value[part]
    model = parent.model(value) if parent else None
    meaning = " ".join(meanings(model).get(str(path[-1]), "").split()) if model else ""
    text = f"{meaning + ' ' if meaning else ''}[{describe(slot)}]"
    return [f"{' ' * indent}# {line}" for line in textwrap.wrap(text, _WIDTH)]
