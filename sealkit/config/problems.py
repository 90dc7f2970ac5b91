"""Reports all problems of settings at once, each with file, key, value, allowed values and nearest name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from sealkit.config.foreign import foreign_key
from sealkit.config.schema import Slot, descend, describe, leaf_keys, slot_at, tag_key, tag_of
from sealkit.config.yamlfile import KeyPath
from sealkit.errors import ConfigError, Problem
from sealkit.text import did_you_mean


class SettingsError(ConfigError):
    """Settings that cannot be used.

    Attributes:
        problems: every finding, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        self.problems = tuple(problems)
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n".join(f"  {number}. {problem.as_setting()}" for number, problem in enumerate(self.problems, 1))
        super().__init__(f"{count} in the settings\n{listed}", where=source)


def dotted(path: Iterable[str | int]) -> str:
    """("augment", 1, "p") → "augment.1.p"."""
    return ".".join(str(part) for part in path)


def shown(value: Any) -> str:
    """A value as it would stand in YAML, shortened, text quoted so that 8 and "8" differ."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def translate(
    error: ValidationError, model: type[BaseModel], tree: Mapping[str, Any], place: Callable[[KeyPath], str]
) -> list[Problem]:
    """Findings of pydantic in our words.

    Args:
        place: gives the file:line of a key path, of the nearest parent for a key that is missing.
    """
    problems = []
    for detail in error.errors(include_url=False):
        path = _real_path(detail["loc"], tree, detail["type"])
        problem = _problem(detail, path, model, tree, place(path))
        if problem not in problems:
            problems.append(problem)
    return problems


def _real_path(loc: Sequence[str | int], tree: Any, kind: str) -> KeyPath:
    """Pydantic's location without the union tags it puts between the keys."""
    path: list[str | int] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        exists = (isinstance(tree, dict) and part in tree) or (
            isinstance(tree, list) and isinstance(part, int) and part < len(tree)
        )
        if exists:
            path.append(part)
            tree = descend(tree, part)
        elif last and kind == "missing":
            path.append(part)
    return tuple(path)


def _problem(detail: Any, path: KeyPath, model: type[BaseModel], tree: Any, where: str) -> Problem:
    kind, context, key = detail["type"], detail.get("ctx") or {}, dotted(path)
    value = tree
    for part in path:
        value = descend(value, part)
    if kind == "extra_forbidden":
        return unknown_key(path, model, tree, where)
    if kind == "missing":
        slot = slot_at(model, path, tree)
        return Problem("missing", where, "is missing", key=key, hint=f"give {describe(slot)}" if slot else None)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(path, model, tree, where, value)
    slot = slot_at(model, path, tree)
    what = _wording(kind, context, detail["msg"], slot)
    return Problem("bad-value", where, what, _hint(slot, value), value=shown(value), key=key)


def _wording(kind: str, context: Mapping[str, Any], message: str, slot: Slot | None) -> str:
    if kind == "value_error" and "error" in context:
        return str(context["error"])
    if kind in ("too_short", "too_long"):
        limit = context.get("min_length", context.get("max_length"))
        return f"must have {'at least' if kind == 'too_short' else 'at most'} {limit} item(s)"
    if kind == "finite_number":
        return "must be a finite number"
    return f"must be {describe(slot)}" if slot else message


def _hint(slot: Slot | None, value: Any) -> str | None:
    """What a person who wrote this value most likely meant."""
    if slot is None:
        return None
    kinds = [o.annotation for o in slot.options()]
    if isinstance(value, (int, float)) and str in kinds and not isinstance(value, bool):
        return f'for text, quote it: "{value}" (on the command line: -o \'key="{value}"\')'
    if isinstance(value, str):
        if bool in kinds and value.lower() in ("yes", "no", "on", "off", "y", "n", "1", "0"):
            return f"write {'true' if value.lower() in ('yes', 'on', 'y', '1') else 'false'}"
        if value in ("None", "none", "nil") and type(None) in kinds:
            return "write null"
        choices = [str(a) for o in slot.options() for a in getattr(o.annotation, "__args__", ()) if isinstance(a, str)]
        if asked := did_you_mean(value, choices):
            return asked
        if value.replace(".", "", 1).isdigit() and (int in kinds or float in kinds):
            return f"write it without quotes: {value}"
    return None


def _wrong_tag(path: KeyPath, model: type[BaseModel], tree: Any, where: str, value: Any) -> Problem:
    slot = slot_at(model, path, tree)
    if slot is None:
        return Problem("unknown-kind", where, "is of an unknown kind", value=shown(value), key=dotted(path))
    name = tag_key(slot)
    known = [str(tag) for option in slot.options() if (tag := tag_of(option.annotation)) is not None]
    given = value.get(name) if isinstance(value, dict) else None
    key = dotted((*path, name))
    if given is None:
        return Problem("missing", where, "is missing", "one of " + ", ".join(known), value=shown(value), key=key)
    hint = did_you_mean(str(given), known, also="allowed: " + ", ".join(known))
    return Problem("unknown-kind", where, f"unknown {name}", hint, value=shown(given), key=key)


def unknown_key(path: KeyPath, model: type[BaseModel], tree: Any, where: str) -> Problem:
    """The finding for a key that no settings class has.

    Names the nearest key of the same block, else the same word in another block, else all keys of this block.
    """
    value = tree
    for part in path:
        value = descend(value, part)
    if foreign := foreign_key(dotted(path)):
        return Problem("foreign-key", where, "is a key of PaddleX or PaddleOCR", foreign, key=dotted(path))
    *parents, name = path
    parent_tree: Any = tree
    for part in parents:
        parent_tree = descend(parent_tree, part)
    slot = slot_at(model, tuple(parents), tree)
    here = slot.model(parent_tree) if slot else None
    siblings = list(here.model_fields) if here else []
    everywhere = [dotted(keys) for keys in leaf_keys(model)]
    elsewhere = [key for key in everywhere if key.rsplit(".", 1)[-1] == name]
    prefix = dotted(parents)
    hint: str | None = did_you_mean(str(name), siblings, prefix=f"{prefix}." if prefix else "", cutoff=70)
    if not hint:
        hint = f"did you mean {' or '.join(elsewhere[:3])}?" if elsewhere else None
    if not hint and siblings:
        hint = f"allowed {'in ' + prefix if prefix else 'here'}: " + ", ".join(siblings)
    return Problem("unknown-key", where, "unknown key", hint, value=shown(value), key=dotted(path))
