"""A part of the training data for tuning to judge trials by.

The validation set stays out of it: a value that was chosen among twenty by one set says too much on that set. It judges
two checkpoints once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.data.labels.coco import read_coco, write_coco
from sealkit.data.labels.files import find_label_file
from sealkit.data.labels.kinds import read_any, writer_of
from sealkit.data.split import split_samples
from sealkit.errors import ConfigError

SHARE = 0.25


def split_training(sets: list[dict[str, Any]], folder: Path, seed: int) -> tuple[dict[str, Any], int]:
    """Label files of the training sets' two parts, written to `folder`; images stay where they are.

    Images of one owner stay together, as in `sealkit data split`.

    Args:
        sets: `data.train` of a recipe; sets drawn on the fly stay in training whole.

    Returns:
        Overrides (`data.train`, `data.val`) and the number of images that trials are judged by.

    Raises:
        ConfigError: no set has label files. DataError: too few images.
    """
    train: list[dict[str, Any]] = []
    judge: list[dict[str, Any]] = []
    count = 0
    for number, entry in enumerate(sets):
        if not entry.get("labels"):
            train.append(entry)
            continue
        files = [(folder / f"{part}_{number}{Path(entry['labels']).suffix}").resolve() for part in ("train", "tune")]
        count += _write_parts(entry, files, seed)
        train.append({**entry, "labels": str(files[0])})
        judge.append({**_without_ratio(entry), "labels": str(files[1])})
    if not judge:
        raise ConfigError(
            "tuning judges by a part of the training images, and this recipe's are drawn on the fly",
            where="data.train",
            hint="give labelled images: --data DIR",
        )
    return {"data.train": train, "data.val": judge}, count


def _without_ratio(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A validation set of the entry: all of it, once."""
    return {key: value for key, value in entry.items() if key not in ("ratio", "synth")}


def _write_parts(entry: Mapping[str, Any], files: list[Path], seed: int) -> int:
    """Write the two parts of a set; returns the size of the second."""
    root = Path(entry["root"])
    shares = {"train": 1 - SHARE, "tune": SHARE}
    found = read_any(root, find_label_file(root, str(entry["labels"])))
    rule = "owner" if found.kind == "outlines" else "none"
    parts = split_samples(found.samples, shares, rule=rule, seed=seed).parts
    for file, positions in zip(files, parts.values()):
        file.parent.mkdir(parents=True, exist_ok=True)
        if found.kind == "boxes":
            coco = read_coco(root, str(entry["labels"]))
            write_coco(file, [coco.samples[n] for n in positions], coco.categories, root)
            continue
        write = writer_of(found.kind)
        write(file, [found.records[n] for n in positions], root)
    return len(parts["tune"])
