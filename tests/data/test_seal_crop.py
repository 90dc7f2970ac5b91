"""Crops of one seal: what is labelled in them, at which size, and what tells the network which seal is meant."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.records import TextLine
from sealkit.data.transforms.chain import FIELDS, AugmentChain
from sealkit.data.transforms.scene import Scene
from tests.data.test_transforms import BOTTOM, TOP, draw_image, shows, step


def chain_of(**values: Any) -> AugmentChain:
    """`seal_crop` alone, exact boxes unless told otherwise."""
    given = {"size": (320, 320), "side": (200, 260), "margin": (0.1, 0.1), "jitter": 0.0, **values}
    return AugmentChain([step(op="seal_crop", **given)], frozenset({FIELDS}))


def two_seals() -> tuple[np.ndarray, list[TextLine]]:
    """A large seal with its texts, and the texts of a small one over its edge."""
    image, lines = draw_image(500, 500)
    small = np.array([[240, 200], [300, 200], [300, 230], [240, 230]], np.float32)
    return image, [
        *lines[:2],
        TextLine(small, "章", direction="line", seal=7),
        TextLine(small + 20, ignore=True, seal=8),
    ]


def test_seal_crop_shows_one_seal_at_the_size_asked_for() -> None:
    chain = AugmentChain(
        [step(op="seal_crop", size=(320, 320), side=(200, 260), margin=(0.0, 0.1), jitter=0.0)], frozenset({FIELDS})
    )
    seen = set()
    for seed in range(12):
        scene = chain(Scene.of(*two_seals()), np.random.default_rng(seed))
        (seal,) = {line.label.seal for line in scene.lines}  # 8 has no text that counts
        seen.add(seal)
        points = np.concatenate([line.points for line in scene.lines])
        assert 198 < np.ptp(points, axis=0).max() < 262
        assert points.min() > -1 and points.max() < 320, "the whole seal is in the image"
    assert seen == {0, 7}


def test_seal_crop_keeps_the_others_where_told_and_never_overfills_its_canvas() -> None:
    keep = AugmentChain([step(op="seal_crop", size=(320, 320), side=(300, 310), others="keep")], frozenset({FIELDS}))
    scene = keep(Scene.of(*two_seals()), np.random.default_rng(0))
    assert len(scene.lines) == 4
    large = AugmentChain(
        [step(op="seal_crop", size=(320, 320), side=(600, 700), margin=(0.2, 0.2), jitter=0.0)], frozenset({FIELDS})
    )
    scene = large(Scene.of(*two_seals()), np.random.default_rng(0))
    side = np.ptp(np.concatenate([line.points for line in scene.lines]), axis=0).max()
    assert side == pytest.approx(320 / 1.4, rel=0.03)  # box and margins fill the canvas


def test_seal_crop_is_a_window_where_no_seal_is_labelled() -> None:
    chain = chain_of(size=(128, 128))
    image, lines = draw_image()
    unknown = [TextLine(line.points, line.text, direction=line.direction) for line in lines]
    for given_lines in ([], unknown):
        scene = chain(Scene.of(image, given_lines), np.random.default_rng(3))
        assert scene.image.shape == (128, 128, 3) and len(scene.lines) == len(given_lines)
    assert scene.lines, "texts of no known seal stay texts"


def test_outside_the_box_the_image_is_pale() -> None:
    plain = chain_of()(Scene.of(*two_seals()), np.random.default_rng(0))
    dimmed = chain_of(background_contrast=0.3)(Scene.of(*two_seals()), np.random.default_rng(0))
    points = np.concatenate([line.points for line in plain.lines])
    x0, y0, x1, y1 = (int(v) for v in np.concatenate([np.ceil(points.min(axis=0)), np.floor(points.max(axis=0))]))
    inside = np.s_[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1]
    assert np.array_equal(plain.image[inside], dimmed.image[inside])
    changed = (plain.image != dimmed.image).any(axis=2)
    changed[inside] = False
    assert changed.any(), "the small seal over the edge, or what surrounds it"


def stamp(scene: Scene, chain: AugmentChain, seed: int) -> Scene:
    return chain(scene, np.random.default_rng(seed), lambda rng: Scene.of(*draw_image()))


def test_another_seal_is_stamped_over_and_not_labelled() -> None:
    image, lines = draw_image(500, 500)

    def strange(scene: Scene) -> int:
        """Painted pixels that no label covers."""
        labelled = np.zeros(scene.size, np.uint8)
        for part in scene.parts:
            cv2.fillPoly(labelled, [np.round(part.outline).astype(np.int32)], 1)
        labelled = cv2.dilate(labelled, np.ones((7, 7), np.uint8))
        return int(((shows(scene.image, TOP) | shows(scene.image, BOTTOM)) & (labelled == 0)).sum())

    for seed in range(8):
        plain = stamp(Scene.of(image, lines[:2]), chain_of(), seed)
        stamped = stamp(Scene.of(image, lines[:2]), chain_of(stamped_over=1.0), seed)
        assert len(stamped.lines) == 2 and stamped.image.shape == plain.image.shape
        assert strange(plain) == 0 < strange(stamped)


def test_places_without_seals_teach_that_there_is_nothing() -> None:
    chain = chain_of(empty=1.0, background_contrast=0.3)
    image, lines = draw_image(900, 900)  # both texts in a corner
    assert all(not chain(Scene.of(image, lines[:2]), np.random.default_rng(seed)).lines for seed in range(6))
    scene = chain(Scene.of(image, []), np.random.default_rng(0))  # no seal at all
    assert scene.image.shape == (320, 320, 3) and not scene.lines
    full = np.array([[0, 0], [900, 0], [900, 900], [0, 900]], np.float32)
    crowded = chain(Scene.of(image, [TextLine(full, "满", seal=0)]), np.random.default_rng(0))
    assert crowded.lines, "nowhere free of seals: a window of the image as it is"


@pytest.mark.parametrize("seed", range(4))
def test_the_same_numbers_draw_the_same_crop(seed: int) -> None:
    chain = chain_of(stamped_over=0.5, empty=0.2, background_contrast=0.4, jitter=0.05)
    one, two = (stamp(Scene.of(*two_seals()), chain, seed) for _ in range(2))
    assert np.array_equal(one.image, two.image)
