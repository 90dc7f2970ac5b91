"""Augmentations of pages with upright boxes: a drawn block stays under its box, whatever is done to the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sealkit.config.augment import Flip, Photometric
from sealkit.data.transforms.boxes import BoxChain, BoxScene
from sealkit.modules.layout_detection.settings import BoxCrop, Distort, Expand, PasteBoxes, Turn

CLASSES = ("image", "table", "seal")


def scene(seed: int = 0, count: int = 4) -> BoxScene:
    """A light page of odd size with dark blocks, each filling its box."""
    rng = np.random.default_rng(seed)
    image = np.full((140, 201, 3), 235, np.uint8)
    boxes = []
    for k in range(count):
        x, y = 8 + (k % 2) * 95, 10 + (k // 2) * 65
        w, h = (int(v) for v in rng.integers(20, 60, 2))
        image[y : y + h, x : x + w] = (40, 60, 70)
        boxes.append([x, y, x + w, y + h])
    return BoxScene(image, np.array(boxes, np.float32).reshape(-1, 4), np.arange(count) % 3)


def darkness(made: BoxScene, box: np.ndarray) -> float:
    """Share of dark pixels inside a box."""
    x1, y1, x2, y2 = np.round(box).astype(int)
    return float((made.image[y1:y2, x1:x2].max(axis=2) < 100).mean())


STEPS: list[Any] = [
    Flip(op="flip", p=1),
    Turn(op="turn", p=1),
    Expand(op="expand", p=1),
    BoxCrop(op="box_crop"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.op)
@pytest.mark.parametrize("seed", range(6))
def test_boxes_stay_on_what_they_mark(step: Any, seed: int) -> None:
    before = scene(seed)
    kept = before.image.copy(), before.boxes.copy()
    made = BoxChain([step], CLASSES)(scene(seed), np.random.default_rng(seed))
    assert len(made.boxes) == len(made.classes) > 0
    assert (made.boxes[:, :2] >= 0).all() and (made.boxes[:, 2:] <= np.array([made.size[1], made.size[0]])).all()
    assert all(darkness(made, box) == 1.0 for box in made.boxes)
    total = sum(np.prod(box[2:] - box[:2]) for box in made.boxes)
    assert (made.image.max(axis=2) < 100).sum() >= total  # and nothing dark was left without reason
    if step.op != "box_crop":
        assert (made.image.max(axis=2) < 100).sum() == total
    np.testing.assert_array_equal(before.image, kept[0])  # the source is never written to


def test_the_crop_keeps_centres_and_leaves_empty_pages_whole() -> None:
    chain = BoxChain([BoxCrop(op="box_crop")], CLASSES)
    sizes = {chain(scene(), np.random.default_rng(seed)).size for seed in range(30)}
    assert len(sizes) > 15 and (140, 201) in sizes  # "no crop" is one of the choices
    assert min(size[0] / 140 for size in sizes) >= 0.2
    empty = chain(scene(count=0), np.random.default_rng(1))
    assert empty.size == (140, 201) and len(empty.boxes) == 0


def test_the_crop_labels_slices_of_cut_boxes() -> None:
    """By `least_part` every piece of a box that is large enough keeps its label; as published, cut ones lose it."""
    unlabelled = {}
    for part in (None, 0.05):
        chain = BoxChain([BoxCrop(op="box_crop", least_part=part)], CLASSES)
        dark, labelled, narrow = 0, 0.0, 0
        for seed in range(60):
            made = chain(scene(seed), np.random.default_rng(seed))
            dark += int((made.image.max(axis=2) < 100).sum())
            sides = made.boxes[:, 2:] - made.boxes[:, :2]
            labelled += float(sides.prod(axis=1).sum())
            whole = scene(seed).boxes
            narrow += int((sides.min(axis=1) < 0.5 * (whole[:, 2:] - whole[:, :2]).min()).sum())
        unlabelled[part] = 1 - labelled / dark
        assert (narrow > 0) == (part is not None)
    assert unlabelled[0.05] < 0.01 < unlabelled[None]


def test_colours_change_and_boxes_do_not() -> None:
    for step in (Distort(op="distort"), Photometric(op="photometric", p=1)):
        chain, changed = BoxChain([step], CLASSES), 0
        for seed in range(6):
            made = chain(scene(), np.random.default_rng(seed))
            np.testing.assert_array_equal(made.boxes, scene().boxes)
            assert made.image.shape == scene().image.shape and made.image.dtype == np.uint8
            changed += not np.array_equal(made.image, scene().image)
        assert changed >= 4


def test_hue_wraps_around() -> None:
    red = BoxScene(np.full((4, 4, 3), (0, 0, 255), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    step = Distort(op="distort", brightness=(1, 1), contrast=(1, 1), saturation=(1, 1), hue=(-40, -40))
    seen = {tuple(BoxChain([step], CLASSES)(red, np.random.default_rng(s)).image[0, 0].tolist()) for s in range(1)}
    assert seen <= {(0, 0, 255), (240, 0, 255), (239, 0, 255), (241, 0, 255)}


def seal_page() -> BoxScene:
    """A page with one ring of a seal, class 2."""
    image = np.full((150, 150, 3), 245, np.uint8)
    y, x = np.ogrid[:150, :150]
    ring = np.abs(np.hypot(y - 60, x - 70) - 22) < 4
    image[ring] = (50, 40, 200)
    return BoxScene(image, np.array([[44, 34, 97, 87]], np.float32), np.array([2]))


def test_seals_are_stamped_onto_other_pages() -> None:
    step = PasteBoxes(op="copy_paste", count=(2, 2), p=1)
    pasted = 0
    for seed in range(8):
        target = scene(seed, count=1)
        before = target.image.copy()
        made = BoxChain([step], CLASSES)(target, np.random.default_rng(seed), lambda rng: seal_page())
        assert (made.classes[1:] == 2).all() and made.image.shape == before.shape
        assert (made.image <= before).all()  # ink only darkens
        for x1, y1, x2, y2 in made.boxes[1:].astype(int):
            pasted += 1
            inside = made.image[y1:y2, x1:x2]
            touched = (inside != before[y1:y2, x1:x2]).any(axis=2)
            assert touched[:4].any() and touched[:, :4].any()  # the box is as tight as the one it was cut from
            assert 0.1 < touched.mean() < 0.9  # a ring: paper is clear
        same = made.boxes[1:]
        if len(same) == 2:
            overlap = np.maximum(np.minimum(same[0, 2:], same[1, 2:]) - np.maximum(same[0, :2], same[1, :2]), 0)
            smaller = min(np.prod(box[2:] - box[:2]) for box in same)
            assert np.prod(overlap) <= 0.1 * smaller
    assert pasted >= 10


def test_print_under_a_coloured_seal_stays_on_its_page() -> None:
    donor, step = seal_page(), PasteBoxes(op="copy_paste", count=(1, 1), scale=(1, 1), p=1)
    donor.image[58:64, 50:90] = 20  # a line of black print across the ring
    target = BoxScene(np.full((200, 200, 3), 240, np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    made = BoxChain([step], CLASSES)(target, np.random.default_rng(0), lambda rng: donor)
    assert len(made.boxes) == 1 and made.image.max(axis=2).min() > 120
    assert (np.ptp(made.image, axis=2) > 60).sum() > 300  # the ring is there


def test_pages_without_seals_give_nothing() -> None:
    step = PasteBoxes(op="copy_paste", p=1)
    made = BoxChain([step], CLASSES)(scene(), np.random.default_rng(0), lambda rng: scene(count=1))
    assert len(made.boxes) == 4
    assert len(BoxChain([step], CLASSES)(scene(), np.random.default_rng(0), lambda rng: None).boxes) == 4
    assert len(BoxChain([step], CLASSES)(scene(), np.random.default_rng(0)).boxes) == 4
