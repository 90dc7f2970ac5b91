"""Training, validation and test part of a set, without leaks: what belongs together stays together.

A seal's owner stamps many papers. When images of one seal are in both parts, the validation metric says how well the
model knows these seals, not how well it will read new ones. Images are therefore grouped (by owner, folder or name,
and always with their copies), and whole groups are dealt out, shape by shape, so that rare shapes are in every part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sealkit.data.duplicates import Pair
from sealkit.data.records import DetSample
from sealkit.errors import ConfigError, DataError

OWNER_CHARACTERS = 6
"""A text of this many characters names an owner; shorter ones (purposes, codes) stand on many seals."""
RULES = ("owner", "folder", "name:REGEX", "none")


@dataclass
class Split:
    """Result of `split_samples`.

    Attributes:
        parts: name of the part -> positions of its samples, ascending.
        groups: number of groups.
        largest: images in the largest group.
        shapes: part -> main shape -> images.
    """

    parts: dict[str, list[int]]
    groups: int
    largest: int
    shapes: dict[str, dict[str, int]] = field(default_factory=dict)


def split_samples(
    samples: Sequence[DetSample],
    shares: Mapping[str, float],
    *,
    rule: str = "owner",
    copies: Iterable[Pair] = (),
    seed: int = 0,
) -> Split:
    """Deal images out to parts.

    Args:
        samples: images with texts.
        shares: part -> share, summing to 1, such as {"train": 0.8, "val": 0.2}.
        rule: what keeps images together: "owner" (a text of at least 6 characters in common), "folder", "name:REGEX"
            (the same first group of the expression in the file name), "none".
        copies: pairs of positions that must stay together whatever the rule (from `find_pairs`).
        seed: another seed gives another split; the same seed and samples give the same one on every machine.

    Raises:
        ConfigError: shares or rule that mean nothing. DataError: too few images or groups for the parts.
    """
    _check_shares(shares)
    if len(samples) < len(shares):
        raise DataError(f"{len(samples)} images cannot be split into {len(shares)} parts", hint="add images")
    groups = _groups(samples, rule, copies)
    if len(groups) < len(shares):
        raise DataError(
            f"all images fall into {len(groups)} group(s) by the rule {rule!r}; {len(shares)} are needed",
            hint="use another --group, such as folder or none",
        )
    shapes = [_main_shape(sample) for sample in samples]
    rng = np.random.default_rng(seed)
    order = [groups[i] for i in rng.permutation(len(groups))]
    order.sort(key=len, reverse=True)  # large groups while there is still room; stable, so the shuffle decides the rest
    parts = _deal(order, shapes, shares)
    counts = {name: dict(Counter(shapes[i] for i in positions).most_common()) for name, positions in parts.items()}
    return Split(parts, len(groups), len(order[0]), counts)


def _check_shares(shares: Mapping[str, float]) -> None:
    if len(shares) < 2 or any(not 0 < share < 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError("shares must be between 0 and 1 and sum to 1", value=dict(shares), hint="such as 0.8 and 0.2")


def _deal(order: Sequence[list[int]], shapes: Sequence[str], shares: Mapping[str, float]) -> dict[str, list[int]]:
    """Each group goes to the part that lacks most: first of its shape, then in all."""
    totals = Counter(shapes)
    have: dict[str, Counter[str]] = {name: Counter() for name in shares}
    parts: dict[str, list[int]] = {name: [] for name in shares}
    waiting = len(order)
    for group in order:
        shape = Counter(shapes[i] for i in group).most_common(1)[0][0]
        empty = [name for name in shares if not parts[name]]
        names = empty if len(empty) >= waiting else list(shares)  # no part stays empty

        def lack(name: str, shape: str = shape) -> tuple[float, float]:
            of_shape = shares[name] * totals[shape] - have[name][shape]
            of_all = shares[name] * len(shapes) - len(parts[name])
            return (of_shape / shares[name] / totals[shape] + of_all / shares[name] / len(shapes), shares[name])

        chosen = max(names, key=lack)
        parts[chosen] += group
        have[chosen].update(shapes[i] for i in group)
        waiting -= 1
    return {name: sorted(positions) for name, positions in parts.items()}


NO_TEXT = "no text"
UNNAMED = "shape not labelled"
"""In place of the main shape of an image whose texts name none."""


def _main_shape(sample: DetSample) -> str:
    named = Counter(line.shape for line in sample.lines if line.shape is not None)
    if named:
        return str(named.most_common(1)[0][0])
    return UNNAMED if sample.lines else NO_TEXT


def _groups(samples: Sequence[DetSample], rule: str, copies: Iterable[Pair]) -> list[list[int]]:
    """Connected images, by union-find; groups in order of their first image."""
    parent = list(range(len(samples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(a: int, b: int) -> None:
        low, high = sorted((root(a), root(b)))
        parent[high] = low

    first_with: dict[Hashable, int] = {}
    for index, keys in enumerate(_keys(samples, rule)):
        for key in keys:
            join(first_with.setdefault(key, index), index)
    for pair in copies:
        join(pair.first, pair.second)
    table: dict[int, list[int]] = {}
    for index in range(len(samples)):
        table.setdefault(root(index), []).append(index)
    return list(table.values())


def _keys(samples: Sequence[DetSample], rule: str) -> list[set[Hashable]]:
    """What each image shares with others by the rule."""
    if rule == "none":
        keys: list[set[Hashable]] = [set() for _ in samples]
    elif rule == "owner":
        keys = [{("text", text) for text in owners(sample)} for sample in samples]
    elif rule == "folder":
        keys = [{("folder", sample.image_path.parent)} for sample in samples]
    elif rule.startswith("name:"):
        keys = [{("name", key)} for key in _name_keys(samples, rule[5:])]
    else:
        raise ConfigError("unknown rule for groups", value=rule, hint=f"rules: {', '.join(RULES)}")
    for sample, found in zip(samples, keys):
        found.add(("path", sample.image_path))  # an image listed twice is one image
    return keys


def owners(sample: DetSample) -> set[str]:
    """Texts of an image that name an owner: at least 6 characters, not only digits and Latin characters."""
    return {
        line.text.strip()
        for line in sample.lines
        if not line.ignore and len(line.text.strip()) >= OWNER_CHARACTERS and not line.text.isascii()
    }


def _name_keys(samples: Sequence[DetSample], expression: str) -> list[str]:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ConfigError(
            f"not a regular expression: {error}", value=expression, hint="such as name:^(\\w+?)_"
        ) from error
    keys = []
    for sample in samples:
        match = pattern.search(sample.image_path.name)
        if match is None:
            raise DataError(
                "the expression does not match an image's name",
                where=sample.where,
                value=sample.image_path.name,
                hint=f"correct the expression {expression!r}, or rename the image",
            )
        keys.append(match.group(1) if pattern.groups else match.group(0))
    return keys


__all__ = ["OWNER_CHARACTERS", "RULES", "Split", "owners", "split_samples"]
