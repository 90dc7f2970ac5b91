"""Augmentation of strips: images change, texts stay, and the rng decides everything."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.batches import DRAW, drawn, group_by_size
from sealkit.data.transforms.strips import StripChain
from sealkit.modules.text_recognition.settings import TextRecognitionRecipe

OPS: dict[str, dict[str, Any]] = {
    "rec_aug": {},
    "concat": {},
    "blur": {},
    "noise": {},
    "perspective": {},
    "elastic": {},
    "ends": {},
    "ink": {},
    "background": {},
    "photometric": {},
}


def strip(width: int = 200, height: int = 48) -> np.ndarray:
    image = np.full((height, width, 3), (225, 230, 235), np.uint8)
    cv2.putText(image, "SEAL", (4, height - 14), 0, 1, (30, 30, 190), 2, cv2.LINE_AA)
    return image


def chain(*steps: dict[str, Any]) -> StripChain:
    sets = [{"root": "r", "labels": "l"}]
    recipe = {"name": "t", "module": "text_recognition", "model": "m", "data": {"train": sets, "val": sets}}
    return StripChain(TextRecognitionRecipe.model_validate({**recipe, "augment": list(steps)}).augment)


def other(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    return strip(int(rng.integers(40, 90))), "AB"


def run(augment: StripChain, seed: int, image: np.ndarray) -> tuple[np.ndarray, str]:
    return augment(image, "SEAL", np.random.default_rng(seed), other, lambda text: len(text) <= 8)


@pytest.mark.parametrize("op", OPS)
def test_each_changes_the_image_and_leaves_the_source(op: str) -> None:
    image = strip()
    before = image.copy()
    augment = chain({"op": op, "p": 1.0})
    changed = 0
    for seed in range(12):
        made, text = run(augment, seed, image)
        again, _ = run(augment, seed, image)
        assert np.array_equal(made, again), "the same rng, the same strip"
        assert made.dtype == np.uint8 and made.ndim == 3 and made.shape[2] == 3 and min(made.shape[:2]) >= 4
        assert text == "SEAL" or op == "concat"
        changed += made.shape != image.shape or not np.array_equal(made, image)
    assert changed >= 10
    assert np.array_equal(image, before)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("size", [(1, 1), (3, 60), (300, 4), (9, 9)])
def test_odd_strips_do_not_stop_it(op: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    for seed in range(6):
        made, _ = run(chain({"op": op, "p": 1.0}), seed, image)
        assert made.size > 0


def test_ink_stays_ink() -> None:
    """The characters must remain readable: most of the dark pixels are still where they were."""
    image = strip()
    dark = image.sum(axis=2) < 400
    for op in ("blur", "noise", "ink", "background"):
        made, _ = run(chain({"op": op, "p": 1.0}), 3, image)
        assert (made.sum(axis=2)[dark] < 600).mean() > 0.6, op


def test_probability() -> None:
    image = strip()
    augment = chain({"op": "blur", "p": 0.25})
    changed = sum(not np.array_equal(run(augment, seed, image)[0], image) for seed in range(400))
    assert 70 <= changed <= 130


def test_joining_stops_where_the_text_no_longer_fits() -> None:
    augment = chain({"op": "concat", "p": 1.0, "count": 5, "max_ratio": 99})
    assert run(augment, 0, strip())[1] == "SEALABAB"
    made, text = run(chain({"op": "concat", "p": 1.0, "count": 5, "max_ratio": 6.0}), 0, strip())
    assert made.shape[1] / made.shape[0] <= 6.0 and len(text) % 2 == 0


def test_a_batch_draws_by_its_first_sample() -> None:
    assert [drawn([{DRAW: value}, {DRAW: 0.0}], 3) for value in (0.0, 0.34, 0.67, 1.0)] == [0, 1, 2, 2]


def test_groups_keep_all_and_pair_alike() -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(103)
    sizes = order % 10.0
    made = group_by_size(order, sizes, 5, np.random.default_rng(1))
    assert sorted(made) == list(range(103))
    assert np.ptp((made % 10)[:100].reshape(-1, 5), axis=1).mean() < 1
    firsts = (made % 10)[:100:5]
    assert not np.array_equal(firsts, np.sort(firsts)), "batches come in no order of size"
    assert np.array_equal(made, group_by_size(order, sizes, 5, np.random.default_rng(1)))
