"""A recipe file, its base and the command line → checked settings, with the origin of every value.

Precedence, weakest first: the settings classes' defaults, the file named by `base:` (one level: a base has no base of
its own), the recipe, the overrides. Blocks are merged key by key; lists and single values are replaced whole.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from sealkit.config.find import Kind, find
from sealkit.config.overrides import SHORT_KEYS, apply_override, parse_overrides
from sealkit.config.problems import SettingsError, shown, translate
from sealkit.config.training import RecipeBase
from sealkit.config.yamlfile import Document, KeyPath, read_yaml
from sealkit.errors import ConfigError, Problem
from sealkit.text import did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Overrides = Sequence[str] | Mapping[str, Any]


@dataclass
class Loaded(Generic[Model]):
    """Checked settings.

    Attributes:
        settings: the typed settings.
        source: the file (or "<python>") they came from.
        origins: key path → "file:line" or "-o …"; what is not listed is a default.
    """

    settings: Model
    source: str
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def origin(self, path: KeyPath) -> str:
        """Where the value at a key path came from."""
        return self.origins.get(path, "default")


@dataclass(frozen=True)
class RecipeKinds:
    """What recipes there are, by their key `module`: handed in, since settings know no module.

    Attributes:
        classes: module → function that returns the settings class of its recipes.
        not_trainable: module that has none → why, and what to do instead.
    """

    classes: Mapping[str, Callable[[], type[RecipeBase]]]
    not_trainable: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Merged:
    tree: dict[str, Any]
    source: str
    origins: dict[KeyPath, str]
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: KeyPath) -> str:
        """Origin of a key path or of its nearest parent."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        # a block that only exists because an override set a key inside it
        inside = (origin for given, origin in self.origins.items() if path and given[: len(path)] == path)
        return next(inside, self.source)


def load_recipe(
    recipe: str | Path | Mapping[str, Any] | RecipeBase,
    overrides: Overrides,
    kinds: RecipeKinds,
    models: Mapping[str, Sequence[str]] | None = None,
) -> Loaded[RecipeBase]:
    """Read and check a recipe; `sealkit.modules.recipe.load_recipe` calls it with the modules there are.

    Args:
        recipe: a path, the name of a shipped recipe, or from Python a mapping or settings object.
        overrides: `["train.batch_size=2"]` or `{"train.batch_size": 2}`.
        kinds: settings classes by module.
        models: module → names of its models; given, an unknown `model` is a finding like any other.

    Raises:
        SettingsError: everything that is wrong, at once.
        ConfigError: the file is missing, unreadable or not YAML.
    """
    source = json.loads(recipe.model_dump_json()) if isinstance(recipe, RecipeBase) else recipe
    merged = _merge(source, overrides, "recipes")
    module = merged.tree.get("module")
    if isinstance(module, str) and module in kinds.not_trainable:
        raise ConfigError(
            "the models of this module cannot be trained",
            where=merged.place(("module",)),
            value=module,
            hint=kinds.not_trainable[module],
        )
    if not isinstance(module, str) or module not in kinds.classes:
        merged.problems.append(_wrong_module(module, merged, kinds))
        raise SettingsError(merged.problems, merged.source)
    unknown = None if models is None else _unknown_model(merged, models, kinds)
    return _check(merged, kinds.classes[module](), unknown)


def load_settings(
    kind: Kind,
    source: str | Path | Mapping[str, Any],
    model: type[Model],
    overrides: Overrides = (),
    *,
    literals: bool = False,
) -> Loaded[Model]:
    """As `load_recipe`, for settings of one class (kind "configs": pipeline configs).

    Args:
        literals: read text that is a Python literal (`"True"`, `"0.5"`) as its value, as PaddleX does with its YAML.
    """
    merged = _merge(source, overrides, kind)
    if literals:
        merged.tree = _literals(merged.tree)
    return _check(merged, model)


def merged_tree(kind: Kind, source: str | Path) -> dict[str, Any]:
    """What a file and its base say together, unchecked.

    Raises:
        ConfigError: the file or its base is missing, unreadable or not YAML.
    """
    return _merge(source, (), kind).tree


def _literals(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _literals(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_literals(item) for item in tree]
    if isinstance(tree, str):
        try:
            return ast.literal_eval(tree)
        except (ValueError, SyntaxError):
            return tree
    return tree


def _merge(source: str | Path | Mapping[str, Any], overrides: Overrides, kind: Kind) -> _Merged:
    if isinstance(source, Mapping):
        tree = _text_keys(dict(source))
        merged = _Merged(tree, "<python>", dict.fromkeys(_paths(tree), "<python>"))
    else:
        document = read_yaml(find(kind, source))
        merged = _with_base(document, kind)
    parsed, merged.problems = parse_overrides(overrides, SHORT_KEYS if kind == "recipes" else {})
    for override in parsed:
        problem = apply_override(merged.tree, override)
        if problem is not None:
            merged.problems.append(problem)
            continue
        for path in [p for p in merged.origins if p[: len(override.path)] == override.path]:
            del merged.origins[path]
        merged.origins[override.path] = f"-o {override.text}"
        for path in _paths(override.value, override.path):
            merged.origins[path] = f"-o {override.text}"
    return merged


def _with_base(document: Document, kind: Kind) -> _Merged:
    name = document.tree.pop("base", None)
    own = {path: str(mark) for path, mark in document.marks.items() if path[0] != "base"}
    if name is None:
        return _Merged(document.tree, document.file, own)
    where = str(document.marks[("base",)])
    if not isinstance(name, str):
        raise ConfigError("base must be the name of one file", where=where, value=name)
    beside = Path(document.file).parent / name
    base = read_yaml(beside if beside.is_file() else find(kind, name))
    if "base" in base.tree:
        raise ConfigError(
            f"the base {base.file} has a base of its own",
            where=where,
            hint="one level only: copy what you need into this file",
        )
    origins = {path: str(mark) for path, mark in base.marks.items()}
    tree = _overlay(base.tree, document.tree, (), origins)
    return _Merged(tree, document.file, {**origins, **own})


def _overlay(below: Any, above: Any, path: KeyPath, origins: dict[KeyPath, str]) -> Any:
    """`above` laid over `below`; origins of what is hidden are dropped."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            **below,
            **{key: _overlay(below.get(key), value, (*path, key), origins) for key, value in above.items()},
        }
    for hidden in [p for p in origins if p[: len(path)] == path]:
        del origins[hidden]
    return above


def _text_keys(tree: Any) -> Any:
    """A deep copy with text for keys, as YAML files have them (`{16: 0.5}`), and lists for tuples."""
    if isinstance(tree, Mapping):
        return {str(key): _text_keys(value) for key, value in tree.items()}
    return [_text_keys(item) for item in tree] if isinstance(tree, (list, tuple)) else tree


def _paths(tree: Any, prefix: KeyPath = ()) -> list[KeyPath]:
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    return [path for key, value in items for path in [(*prefix, key), *_paths(value, (*prefix, key))]]


def _wrong_module(module: Any, merged: _Merged, kinds: RecipeKinds) -> Problem:
    known = ", ".join(kinds.classes)
    if module is None:
        hint = f"set it to one of: {known}"
        return Problem("missing", merged.source, "is missing", hint, key="module")
    hint = did_you_mean(str(module), kinds.classes, also=f"allowed: {known}")
    where = merged.place(("module",))
    return Problem("unknown-module", where, "unknown module", hint, value=shown(module), key="module")


def _check(merged: _Merged, model: type[Model], more: Problem | None = None) -> Loaded[Model]:
    """Settings of a tree; `more`: a finding that only the caller could make."""
    problems = list(merged.problems)
    settings: Model | None = None
    try:
        # strict JSON rules: a list is a tuple, but "8" is not a number and true is not 1
        settings = model.model_validate_json(json.dumps(merged.tree), strict=True)
    except ValidationError as error:
        problems += translate(error, model, merged.tree, merged.place)
    except (TypeError, ValueError) as error:
        problems.append(Problem("bad-value", merged.source, f"a value has a type that YAML does not support: {error}"))
    if more is not None:
        problems.append(more)
    if problems or settings is None:
        raise SettingsError(_in_file_order(problems), merged.source)
    return Loaded(settings, merged.source, merged.origins)


def _unknown_model(merged: _Merged, models: Mapping[str, Sequence[str]], kinds: RecipeKinds) -> Problem | None:
    module, name = merged.tree["module"], merged.tree.get("model")
    if not isinstance(name, str) or name in models.get(module, ()):
        return None
    where = merged.place(("model",))
    owners = [other for other, names in models.items() if name in names]
    if owners:
        reason = f"is a model of the module {owners[0]}, not of {module}"
        hint = kinds.not_trainable.get(owners[0], "")
        return Problem("unknown-model", where, reason, hint, value=shown(name), key="model")
    known = models.get(module, ())
    hint = did_you_mean(name, known, also="allowed: " + ", ".join(known))
    return Problem("unknown-model", where, "unknown model", hint, value=shown(name), key="model")


def _in_file_order(problems: Sequence[Problem]) -> list[Problem]:
    def line(problem: Problem) -> tuple[int, int]:
        tail = problem.where.rpartition(":")[2]
        return (1, 0) if problem.where.startswith("-o") else (0, int(tail) if tail.isdigit() else 0)

    return sorted(problems, key=line)
