"""`--data DIR`: finds the module of a labelled folder and the recipe settings it replaces."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealkit.config.load import Overrides
from sealkit.config.overrides import parse_overrides
from sealkit.config.training import RecipeBase
from sealkit.data.converters.detect import describe_folder
from sealkit.data.converters.page_boxes import WHOLE
from sealkit.data.labels.kinds import kind_of, usual_labels
from sealkit.engine.val_set import set_paths
from sealkit.errors import ConfigError, DataError
from sealkit.modules.table import having, info, of_labels

_ROOT = re.compile(r"^data\.(train|val)\.(\d+)\.root$")


@dataclass(frozen=True)
class OwnSet:
    """A folder of labelled data.

    Attributes:
        root: the folder.
        module: what it trains.
        labels: part (train, val) → label file, relative to root.
    """

    root: Path
    module: str
    labels: Mapping[str, str]

    def overrides(self) -> dict[str, Any]:
        """The recipe's sets replaced whole: nothing of the sets that stood there is inherited."""
        sets: dict[str, Any] = {
            f"data.{part}": [{"root": str(self.root), "labels": name}] for part, name in self.labels.items()
        }
        fields = info(self.module).recipe_class().model_fields["data"].annotation.model_fields  # type: ignore[union-attr]
        return sets | ({"data.classes": None} if "classes" in fields else {})


def own_set(folder: str | Path, module: str | None = None) -> OwnSet:
    """What a folder holds.

    Args:
        folder: with train.txt and val.txt, or annotations/instance_train.json and instance_val.json.
        module: what it is for; None: found from the label files.

    Raises:
        ConfigError: no such module.
        DataError: no such folder, no label files of a known form, or no validation part; with the command that helps.
    """
    root = Path(folder)
    if module is not None:
        info(module, "--module")
    if not root.is_dir():
        raise DataError("no such folder", where="--data", value=str(folder), hint="give the folder with train.txt")
    found = module or module_of_data(root)
    if found is None:
        what, command = describe_folder(root)
        hint = f"{command}, then sealkit data split OUT" if command else "`sealkit data check --help` shows the formats"
        raise DataError(f"nothing to train on: {what}", where=str(root), hint=hint)
    usual = info(found).load("check").label_files
    labels = {part: usual[part] for part in ("train", "val")}
    for part, name in labels.items():
        if not (root / name).is_file():
            coco = name.endswith(".json") and (root / WHOLE).is_file()
            hint = f"sealkit data split {root}" + (f" --labels {WHOLE}" if coco else "")
            missing = "training" if part == "train" else "validation"
            raise DataError(f"the {missing} part is missing", where=str(root), value=name, hint=hint)
    return OwnSet(root, found, labels)


def module_of_data(root: Path) -> str | None:
    """The module of a folder's labels, by their content; None if unknown."""
    kinds = [kind for file in usual_labels(root) if (kind := kind_of(file)) is not None]
    return next((module for kind in kinds if (module := of_labels(kind)) is not None), None)


def start_recipe(module: str) -> str:
    """The recipe a module's own data is trained with where none is named.

    Raises:
        ConfigError: the module cannot be trained.
    """
    row = info(module)
    if not row.start_recipe:
        raise ConfigError(
            "the module has no recipe to start from",
            value=module,
            hint=row.not_trainable or f"have one: {', '.join(having('start_recipe'))}",
        )
    return row.start_recipe


# ----- what would give a wrong score in silence -----


def with_fresh_ratios(overrides: Overrides) -> Overrides:
    """Overrides, and `ratio=1` for each set whose root is replaced: its share was chosen for another set."""
    keys = _keys(overrides)
    fresh = {
        f"data.{part}.{number}.ratio": 1.0
        for part, number in _roots(keys)
        if f"data.{part}.{number}.ratio" not in keys and f"data.{part}.{number}" not in keys
    }
    if isinstance(overrides, Mapping):
        return {**fresh, **overrides}
    return [*(f"{key}={value}" for key, value in fresh.items()), *overrides]


def one_sided(settings: RecipeBase, overrides: Overrides) -> str | None:
    """A warning where only the training or only the validation set was replaced; None where that is not so."""
    keys = _keys(overrides)
    parts = {part for part, _ in _roots(keys)} | {part for part in ("train", "val") if f"data.{part}" in keys}
    if len(parts) != 1:
        return None
    mine = parts.pop()
    other = "val" if mine == "train" else "train"
    return (
        f"data.{mine} is yours, data.{other} is still the recipe's own set ({', '.join(set_paths(settings, other))}): "
        f"add -o data.{other}.0.root=DIR, or give both by --data DIR"
    )


def other_set(settings: RecipeBase, run: Path) -> str | None:
    """A warning where a run was trained with another validation set than it is evaluated on here."""
    import yaml

    file = run / "recipe.yaml"
    if not file.is_file():
        return None
    data = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("data") or {}
    theirs = {json.dumps([one.get("root"), one.get("labels")]) for one in data.get("val") or ()}
    here = {json.dumps([one["root"], one["labels"]]) for one in settings.model_dump()["data"]["val"]}
    if not theirs or theirs == here:
        return None
    return (
        f"evaluated on {', '.join(set_paths(settings))}, not on the set of the run "
        f"({', '.join('/'.join(filter(None, json.loads(one))) for one in sorted(theirs))}): omit -c to use that one"
    )


def _keys(overrides: Overrides) -> set[str]:
    return {".".join(map(str, one.path)) for one in parse_overrides(overrides)[0]}


def _roots(keys: set[str]) -> list[tuple[str, str]]:
    found = (_ROOT.match(key) for key in sorted(keys))
    return [(match[1], match[2]) for match in found if match]


__all__ = [
    "OwnSet",
    "module_of_data",
    "one_sided",
    "other_set",
    "own_set",
    "start_recipe",
    "with_fresh_ratios",
]
