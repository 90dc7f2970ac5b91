"""The weighted mean of several sets of weights of one network.

The mean of fine-tuned and initial weights keeps most of what was gained and repairs most of what was lost (Wortsman et
al., "Robust fine-tuning of zero-shot models", CVPR 2022, for two sets; "Model soups", ICML 2022, for more).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import WeightsError
from sealkit.nn.parts import is_under, known_parts
from sealkit.weights.checkpoint import Checkpoint, is_checkpoint, read_state, save_checkpoint
from sealkit.weights.sources import ResolvedWeights, read_arrays, resolve

_SHOWN = 5
_SAME = ("module", "model", "form", "auxiliary_head", "charset", "classes")  # of what checkpoints say of themselves


def average(
    arrays: Sequence[Mapping[str, np.ndarray]],
    shares: Sequence[float],
    names: Sequence[str],
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Mean of each array, by name, in float64, in the first set's types.

    Args:
        arrays: sets of arrays by state_dict name.
        shares: one per set, not negative; they are divided by their sum.
        names: what the sets are called in messages.
        only: names of layers or parameters, dotted from the network's root (`backbone.blocks5`): everything else stays
            as in the first set. Empty: the whole network.

    Raises:
        WeightsError: sets with other names, shapes or kinds of arrays, with arrays that are not numbers and differ
            (counters), or with values that are not finite; a part that the network does not have.
    """
    portions = _portions(shares, len(arrays))
    first = arrays[0]
    for other, name in zip(arrays[1:], names[1:]):
        _same_layout(first, other, names[0], name)
    averaged = _under(first, only)
    mean: dict[str, Any] = {}
    for key, value in first.items():
        parts = [one[key] for one in arrays] if key in averaged else [value]
        if not np.issubdtype(value.dtype, np.floating):
            if any(not np.array_equal(value, part) for part in parts):
                hint = "integers cannot be averaged: give weights of the same training form"
                raise WeightsError(
                    "integer tensors differ between the weights", where=key, value=str(value.dtype), hint=hint
                )
            mean[key] = value
            continue
        weights = portions if key in averaged else [1.0]
        total = sum(weight * part.astype(np.float64) for weight, part in zip(weights, parts))
        if not np.isfinite(total).all():
            raise WeightsError("values that are not finite", where=key, hint="one of the trainings has diverged")
        mean[key] = np.asarray(total).astype(value.dtype)
    return mean


def average_checkpoints(
    sources: Sequence[str | Path],
    output: str | Path,
    shares: Sequence[float] | None = None,
    only: Sequence[str] = (),
) -> list[tuple[str, float]]:
    """Write the mean of checkpoints, run folders or weights files as a checkpoint that `eval` and `export` take.

    Args:
        sources: two or more; at least one is a checkpoint or run folder: it says which model this is.
        output: checkpoint folder to write.
        shares: one per source; None: all alike.
        only: parts that are averaged, as in `average`; the others are those of the first source.

    Returns:
        Each source with its share; the shares add up to 1.

    Raises:
        WeightsError: fewer than two sources, sources of different models or charsets, a folder that exists, or as
            `average`.
    """
    if len(sources) < 2:
        raise WeightsError("averaging needs at least two sets of weights", value=[str(source) for source in sources])
    output = Path(output)
    if output.exists():
        raise WeightsError("the output exists", where=str(output), hint="give a new folder, or delete it")
    portions = _portions(shares if shares is not None else [1.0] * len(sources), len(sources))
    found = [resolve(source, "") for source in sources]
    extras = _common_extras(found)
    sets = [read_arrays(one) for one in found]
    names = [name for _, name in sets]
    mean = average([arrays for arrays, _ in sets], portions, names, only)
    made_of = [(str(source), portion) for source, portion in zip(sources, portions)]
    extras["average_of"] = [list(one) for one in made_of]
    if only:
        extras["average_only"] = list(only)
    save_checkpoint(output, Checkpoint(weights=mean, extras=extras))
    return made_of


def _portions(shares: Sequence[float], count: int) -> list[float]:
    values = [float(share) for share in shares]
    if len(values) != count:
        raise WeightsError(f"{count} sets of weights and {len(values)} shares", where="--weights", value=values)
    if any(not math.isfinite(value) or value < 0 for value in values) or sum(values) <= 0:
        raise WeightsError("shares must not be negative, and not all 0", where="--weights", value=values)
    return [value / sum(values) for value in values]


def _under(arrays: Mapping[str, np.ndarray], parts: Sequence[str]) -> set[str]:
    """Names of the arrays of these parts; all where no part is named."""
    found = set() if parts else set(arrays)
    for part in parts:
        named = {key for key in arrays if is_under(key, part)}
        if not named:
            hint = f"it has {known_parts(arrays)}"
            raise WeightsError("the network has no part of this name", where="--only", value=part, hint=hint)
        found |= named
    return found


def _same_layout(first: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], name: str, other_name: str) -> None:
    """Refuse sets that are not of one network, with what differs."""
    hint = "only weights of the same network and form can be averaged; `sealkit import-weights` converts a wheel's"
    missing, extra = sorted(first.keys() - other.keys()), sorted(other.keys() - first.keys())
    if missing or extra:
        listed = [f"only {name}: {key}" for key in missing[:_SHOWN]] + [
            f"only {other_name}: {key}" for key in extra[:_SHOWN]
        ]
        what = f"{len(missing) + len(extra)} arrays are in one set of weights only"
        raise WeightsError(what, where=other_name, value=listed, hint=hint)
    shapes = [key for key in first if first[key].shape != other[key].shape]
    if shapes:
        listed = [f"{key}: {first[key].shape} and {other[key].shape}" for key in shapes[:_SHOWN]]
        raise WeightsError(f"{len(shapes)} arrays differ in shape", where=other_name, value=listed, hint=hint)
    kinds = [key for key in first if first[key].dtype.kind != other[key].dtype.kind]
    if kinds:
        raise WeightsError("arrays of different kinds", where=other_name, value=kinds[:_SHOWN], hint=hint)


def _common_extras(found: Sequence[ResolvedWeights]) -> dict[str, Any]:
    """What the checkpoints among the sources say of themselves, where they agree."""
    known = [
        (str(one), dict(read_state(one.path)["extras"]))
        for one in found
        if one.path is not None and is_checkpoint(one.path)
    ]
    if not known:
        raise WeightsError(
            "none of the weights is a checkpoint, so their model is unknown",
            value=[str(one) for one in found],
            hint="`sealkit import-weights` makes a checkpoint of a weights file",
        )
    name, extras = known[0]
    for other_name, other in known[1:]:
        for key in _SAME:
            if key in extras and key in other and extras[key] != other[key]:
                what = f"the weights differ in {key}"
                shown = [f"{name}: {_short(extras[key])}", f"{other_name}: {_short(other[key])}"]
                raise WeightsError(what, where=other_name, value=shown, hint="average weights of one model and charset")
    return {key: value for key, value in extras.items() if key not in ("average_of", "average_only")}


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


__all__ = ["average", "average_checkpoints"]
