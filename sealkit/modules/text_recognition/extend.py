"""Weights of one charset in a network of another: rows are copied by character, never by index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sealkit.charset import BLANK, SPACE, Charset, nrtr_map, sar_map
from sealkit.modules.text_recognition.kinds import KINDS

_AUXILIARY_ROWS: Mapping[str, tuple[str, int]] = {
    "gtc_head.embedding.embedding.weight": ("nrtr", 0),
    "gtc_head.tgt_word_prj.weight": ("nrtr", 1),
    "sar_head.decoder.embedding.weight": ("sar", 0),
    "sar_head.decoder.prediction.weight": ("sar", 1),
    "sar_head.decoder.prediction.bias": ("sar", 0),
}


def class_rows(name: str) -> tuple[str, int] | None:
    """Which labels a tensor's rows have ("classes", "nrtr", "sar") and their axis, by its state_dict name; None for
    tensors that do not depend on the charset."""
    own = {ending: ("classes", axis) for kind in KINDS.values() for ending, axis in kind.rows.items()}
    return next((place for ending, place in {**own, **_AUXILIARY_ROWS}.items() if name.endswith(ending)), None)


def row_maps(old: Charset, new: Charset) -> dict[str, dict[int, int]]:
    """Old row -> new row of what both charsets have, for each head's labels."""
    classes = old.class_map(new)
    return {
        "classes": classes,
        "nrtr": nrtr_map(classes),
        "sar": sar_map(classes, old.num_classes, new.num_classes),
    }


def follow_characters(old: Charset, new: Charset) -> Callable[[str, np.ndarray, np.ndarray], np.ndarray | None]:
    """The `resize` of `weights.loading.load_into` for a network of charset `new` and weights of charset `old`.

    Rows of characters both have are copied. A row of a new character starts at the mean of all known characters' rows
    plus its fresh value: on strips without the character it is then neither likelier nor less likely than an average
    one, so that what the network knows is not disturbed, and new characters differ from each other.

    `load_into` asks only where shapes differ. For charsets of one size but another order use `remap` on the arrays
    first.
    """
    maps = row_maps(old, new)
    characters = [number for character, number in old.index.items() if character not in (BLANK, SPACE)]

    def resize(name: str, source: np.ndarray, fresh: np.ndarray) -> np.ndarray | None:
        place = class_rows(name)
        if place is None:
            return None
        labels, axis = place
        rows, offset = maps[labels], {"classes": 0, "nrtr": 3, "sar": -1}[labels]
        source, made = np.moveaxis(source, axis, 0), np.moveaxis(fresh.copy(), axis, 0)
        # An embedding and a classifier differ by the padding row, which a classifier does not have.
        pairs = [(a, b) for a, b in rows.items() if a < len(source) and b < len(made)]
        added = np.ones(len(made), bool)
        added[[b for _, b in pairs]] = False
        made[added] += source[[number + offset for number in characters]].mean(axis=0)
        made[[b for _, b in pairs]] = source[[a for a, _ in pairs]]
        return np.ascontiguousarray(np.moveaxis(made, 0, axis))

    return resize


def remap(
    arrays: Mapping[str, np.ndarray], old: Charset, new: Charset, fresh: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Weights of charset `old` as weights of charset `new`: `follow_characters` on every array that has class rows.

    Args:
        arrays: state_dict of a network of `old`; may lack the auxiliary head.
        fresh: state_dict of the network of `new`, for the rows of new characters.
    """
    resize = follow_characters(old, new)
    made = dict(arrays)
    for name, array in arrays.items():
        if name in fresh and class_rows(name) is not None:
            changed = resize(name, array, fresh[name])
            made[name] = array if changed is None else changed
    return made


def hold_known_rows(net: Any, start: Charset, charset: Charset) -> list[Any]:
    """Take the gradient from class rows of characters that `start` has: what trains the heads leaves them alone.

    A decay of these parameters would still move them: give their groups none.

    Args:
        net: network of `charset`, in training form; its parameters get hooks.

    Returns:
        The parameters that have class rows.
    """
    import paddle

    maps, held = row_maps(start, charset), []
    for name, param in net.named_parameters():
        place = class_rows(name)
        if place is None or param.stop_gradient:
            continue
        labels, axis = place
        shape = [1] * len(param.shape)
        shape[axis] = param.shape[axis]
        trained = np.ones(shape[axis], "float32")
        trained[[row for row in maps[labels].values() if row < len(trained)]] = 0.0
        mask = paddle.to_tensor(trained.reshape(shape))
        param.register_hook(lambda grad, mask=mask: grad * mask.astype(grad.dtype))
        held.append(param)
    return held
