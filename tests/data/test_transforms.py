"""Augmentations: pixels and labels move together, outlines stay valid, and every step says what it keeps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sealkit.data.records import TextLine
from sealkit.data.transforms.chain import FIELDS, LINE_POLY, OUTLINES, READING, AugmentChain
from sealkit.data.transforms.polygons import character_height, clip_to_box, mirror_order, signed_area
from sealkit.data.transforms.scene import Scene
from sealkit.errors import ConfigError
from sealkit.modules.seal_text_detection.settings import DetAugment

BACK, TOP, BOTTOM = (250, 250, 250), (40, 40, 220), (200, 60, 40)  # BGR; a line's upper and lower halves


def step(**values: Any) -> Any:
    return TypeAdapter(DetAugment).validate_python(values)


def arc(cx: float, cy: float, inner: float, outer: float, start: float, end: float, count: int = 14) -> np.ndarray:
    """line_poly of a ring text read clockwise from `start` to `end` degrees (0 = right, clockwise on screen)."""
    t = np.deg2rad(np.linspace(start, end, count))
    ray = np.stack([np.cos(t), np.sin(t)], axis=1)
    return np.concatenate([(cx, cy) + ray * outer, ((cx, cy) + ray * inner)[::-1]]).astype(np.float32)


def draw_image(height: int = 300, width: int = 360) -> tuple[np.ndarray, list[TextLine]]:
    """A ring text and a straight one, painted so that pixels show where the line lies and which half is the top."""
    ring = arc(150, 150, 90, 130, -220, 40)
    straight = np.array([[90, 130], [150, 130], [210, 130], [210, 170], [150, 170], [90, 170]], np.float32)
    lines = [
        TextLine(ring, "环", direction="arc", seal=0),
        TextLine(straight, "线", direction="line", seal=0),
        TextLine(np.array([[300, 20], [340, 20], [340, 60], [300, 60]], np.float32), ignore=True),
    ]
    image = np.full((height, width, 3), BACK, np.uint8)
    for line in lines[:2]:
        half = len(line.points) // 2
        top, bottom = line.points[:half], line.points[half:][::-1]
        middle = (top + bottom) / 2
        for upper, lower, color in ((top, middle, TOP), (middle, bottom, BOTTOM)):
            cv2.fillPoly(image, [np.round(np.concatenate([upper, lower[::-1]])).astype(np.int32)], color)
    return image, lines


def shows(image: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.abs(image.astype(int) - color).sum(axis=2) < 60


def agreement(scene: Scene) -> float:
    """IoU of the painted pixels and the visible outlines of lines that have not been ignored from the start."""
    painted = shows(scene.image, TOP) | shows(scene.image, BOTTOM)
    drawn = np.zeros(scene.size, np.uint8)
    for line in scene.lines:
        if not line.label.ignore:
            for part in line.parts:
                cv2.fillPoly(drawn, [np.round(part.outline).astype(np.int32)], 1)
    either = painted | (drawn > 0)
    return float((painted & (drawn > 0)).sum() / max(either.sum(), 1)) if either.any() else 1.0


GEOMETRY = [
    step(op="flip", p=1.0),
    step(op="rotate"),
    step(op="rotate", fit=False, border="constant"),
    step(op="rotate", border="paper"),
    step(op="scale"),
    step(op="scale", characters=(20, 40)),
    step(op="scale", seals=(150, 300)),
    step(op="perspective", strength=0.15, p=1.0),
    step(op="east_crop", size=(320, 320)),
    step(op="random_crop", size=(320, 320)),
    step(op="window_crop", size=(256, 256)),
    step(op="seal_crop", size=(320, 320), side=(200, 300)),
    step(op="fit", size=(320, 320)),
]


@pytest.mark.parametrize("operation", GEOMETRY, ids=lambda s: s.op)
def test_pixels_and_outlines_move_together(operation: Any) -> None:
    for seed in range(6):
        scene = AugmentChain([operation], frozenset({OUTLINES}), None)(
            Scene.of(*draw_image()), np.random.default_rng(seed)
        )
        assert scene.image.shape == (*scene.size, 3) and scene.image.dtype == np.uint8
        assert agreement(scene) > 0.85, seed
        check_valid(scene)


def check_valid(scene: Scene) -> None:
    height, width = scene.size
    for line in scene.lines:
        for part in line.parts:
            assert len(part.outline) >= 3 and np.isfinite(part.outline).all()
            assert signed_area(part.outline) > 0, "clockwise on screen"
            assert part.outline.min() >= -1e-6
            assert (part.outline.max(axis=0) <= np.array([width, height]) + 1e-6).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(GEOMETRY[:8]), max_size=4),
    st.sampled_from(GEOMETRY[8:]),
    st.integers(0, 2**32 - 1),
)
def test_any_chain_keeps_labels_on_their_pixels(steps: list[Any], crop: Any, seed: int) -> None:
    chain = AugmentChain([*steps, crop], frozenset({OUTLINES, LINE_POLY, FIELDS}))
    scene = chain(Scene.of(*draw_image()), np.random.default_rng(seed))
    assert scene.size == tuple(crop.size) == scene.image.shape[:2]
    check_valid(scene)
    # Very small characters are all border pixels, whose colour is a mixture; there agreement says nothing.
    if character_height(scene.lines[1].points, True) > 14:
        judged = [line for line in scene.lines if not line.label.ignore]  # as `agreement` does
        drawn = sum(abs(signed_area(p.outline)) for line in judged for p in line.parts)
        assert drawn < 400 or agreement(scene) > 0.6


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(GEOMETRY[:8]), max_size=4), st.integers(0, 2**32 - 1))
def test_the_first_half_of_a_line_poly_stays_the_top(steps: list[Any], seed: int) -> None:
    chain = AugmentChain([*steps, step(op="fit", size=(640, 640))], frozenset({FIELDS, LINE_POLY}))
    scene = chain(Scene.of(*draw_image()), np.random.default_rng(seed))
    for line in scene.lines[:2]:
        half = len(line.points) // 2
        top, bottom = line.points[:half], line.points[half:][::-1]
        if np.median(np.hypot(*(top - bottom).T)) < 12:
            continue
        upper, lower = (top * 3 + bottom) / 4, (top + bottom * 3) / 4
        colors = []
        for points in (upper[1:-1], lower[1:-1]):
            x, y = np.round(points).astype(int).T
            inside = (x >= 0) & (y >= 0) & (x < 640) & (y < 640)
            colors.append(scene.image[y[inside], x[inside]].astype(int))
        if len(colors[0]) and len(colors[1]):
            assert colors[0].mean(axis=0)[2] > colors[0].mean(axis=0)[0], "the upper half is painted red"
            assert colors[1].mean(axis=0)[2] < colors[1].mean(axis=0)[0], "the lower half is painted blue"


def test_same_seed_same_image() -> None:
    chain = AugmentChain([*GEOMETRY[:8], step(op="photometric", p=1.0), GEOMETRY[9]], frozenset({OUTLINES}))
    first = chain(Scene.of(*draw_image()), np.random.default_rng(5))
    second = chain(Scene.of(*draw_image()), np.random.default_rng(5))
    assert np.array_equal(first.image, second.image)
    assert all(np.array_equal(a.points, b.points) for a, b in zip(first.lines, second.lines))


def test_the_source_image_is_not_written_to() -> None:
    image, lines = draw_image()
    image.flags.writeable = False
    before = [line.points.copy() for line in lines]
    chain = AugmentChain(
        [step(op="copy_paste"), step(op="photometric", p=1.0), step(op="fit", size=(320, 320))], frozenset({OUTLINES})
    )
    for seed in range(4):
        chain(Scene.of(image, lines), np.random.default_rng(seed), lambda rng: Scene.of(*draw_image()))
    assert all(np.array_equal(a, line.points) for a, line in zip(before, lines))


def test_mirrored_line_poly_is_clockwise_with_its_top_first() -> None:
    quad = np.array([[0, 0], [4, 0], [4, 2], [0, 2]], float)
    mirrored = mirror_order(quad * (-1, 1), ordered=True)
    assert mirrored.tolist() == [[-4, 0], [0, 0], [0, 2], [-4, 2]] and signed_area(mirrored) > 0


def test_a_ring_cut_in_two_gives_two_outlines_and_keeps_its_whole_line() -> None:
    image, lines = draw_image()
    scene = Scene.of(image, lines[:1])
    scene.crop((0, 160, 360, 300), 1.0, (140, 360))
    ring = scene.lines[0]
    assert len(ring.parts) == 2 and all(not part.whole for part in ring.parts)
    assert len(ring.points) == 28 and ring.points[:, 1].min() < 0  # the fields are drawn from the whole line


def test_a_thin_slice_of_a_text_is_ignored_not_forgotten() -> None:
    lines = [TextLine(np.array([[10, 10], [110, 10], [110, 50], [10, 50]], np.float32), "x")]
    scene = Scene.of(np.zeros((100, 120, 3), np.uint8), lines)
    scene.clip(0, 40, 120, 100)
    assert [part.ignore for part in scene.parts] == [True]
    scene = Scene.of(np.zeros((100, 120, 3), np.uint8), lines)
    scene.clip(60, 0, 120, 100)
    assert [part.ignore for part in scene.parts] == [False]
    scene.clip(0, 60, 120, 100)
    assert scene.parts == [] and len(scene.lines) == 1


def test_clipping_survives_crossing_polygons() -> None:
    bow = np.array([[0, 0], [40, 40], [40, 0], [0, 40]], float)
    parts, cut = clip_to_box(bow, 10, -5, 50, 50)
    assert cut and len(parts) == 2 and all(signed_area(p) > 0 for p in parts)
    assert clip_to_box(bow, -1, -1, 50, 50) == ([bow], False)
    assert clip_to_box(bow, 100, 100, 200, 200) == ([], True)


def test_scale_by_character_height() -> None:
    chain = AugmentChain([step(op="scale", characters=(20, 20))], frozenset({OUTLINES}), None)
    image, lines = draw_image()
    scene = chain(Scene.of(image, lines), np.random.default_rng(0))
    assert character_height(scene.lines[0].points, True) == pytest.approx(20, abs=0.5)
    assert chain(Scene.of(image, []), np.random.default_rng(0)).size != (0, 0)  # no text: the plain factor


@pytest.mark.parametrize("seed", range(8))
def test_east_crop_cuts_no_text(seed: int) -> None:
    image, lines = draw_image(400, 500)
    scene = AugmentChain([step(op="east_crop", size=(320, 320))], frozenset({OUTLINES}))(
        Scene.of(image, lines), np.random.default_rng(seed)
    )
    counted = [part for part in scene.parts if not part.ignore]
    assert counted and all(part.whole for part in counted)


def test_window_crop_shows_text_unless_told_otherwise() -> None:
    image, lines = draw_image(1200, 1200)
    chain = AugmentChain([step(op="window_crop", size=(128, 128), background=0.0)], frozenset({OUTLINES}))
    assert all(chain(Scene.of(image, lines), np.random.default_rng(seed)).parts for seed in range(40))
    anywhere = AugmentChain([step(op="window_crop", size=(128, 128), background=1.0)], frozenset({OUTLINES}))
    assert sum(bool(anywhere(Scene.of(image, lines), np.random.default_rng(seed)).parts) for seed in range(40)) < 20
    scene = chain(Scene.of(np.zeros((40, 60, 3), np.uint8), []), np.random.default_rng(0))
    assert scene.image.shape == (128, 128, 3)


def test_copy_paste_takes_curved_texts_and_hides_none() -> None:
    pasted = 0
    for seed in range(8):
        scene = Scene.of(np.full((500, 500, 3), BACK, np.uint8), draw_image()[1][1:2])
        chain = AugmentChain([step(op="copy_paste", ratio=1.0)], frozenset({OUTLINES, LINE_POLY}), None)
        chain(scene, np.random.default_rng(seed), lambda rng: Scene.of(*draw_image()))
        pasted += len(scene.lines) - 1
        check_valid(scene)
        count = np.zeros(scene.size, np.uint8)
        for part in scene.parts:
            one = np.zeros(scene.size, np.uint8)
            cv2.fillPoly(one, [np.round(part.outline).astype(np.int32)], 1)
            count += one
        assert count.max() == 1
        painted = shows(scene.image, TOP) | shows(scene.image, BOTTOM)
        for line in scene.lines[1:]:
            one = np.zeros(scene.size, np.uint8)
            cv2.fillPoly(one, [np.round(line.points).astype(np.int32)], 1)
            assert line.ordered and painted[cv2.erode(one, np.ones((5, 5), np.uint8)) > 0].mean() > 0.9
    assert pasted >= 8


def test_photometric_changes_pixels_only() -> None:
    image, lines = draw_image()
    chain = AugmentChain([step(op="photometric", p=1.0, strength=2.0)], frozenset({OUTLINES, READING}), None)
    changed = 0
    for seed in range(40):
        scene = chain(Scene.of(image, lines), np.random.default_rng(seed))
        assert scene.image.shape == image.shape and scene.image.dtype == np.uint8
        assert all(np.array_equal(a.points, b.points) for a, b in zip(scene.lines, lines))
        changed += not np.array_equal(scene.image, image)
    assert changed >= 35


@pytest.mark.parametrize(
    ("steps", "needs", "message"),
    [
        ([step(op="copy_paste"), step(op="fit")], {FIELDS}, r"augment\.0 \(copy_paste\) cannot keep fields"),
        ([step(op="flip"), step(op="fit")], {READING}, r"augment\.0 \(flip\) cannot keep reading"),
        ([step(op="rotate")], set(), "last step that changes the size"),
        ([step(op="fit"), step(op="scale")], set(), "last step that changes the size"),
        ([], set(), "last step that changes the size"),
        ([step(op="fit", size=(100, 640))], set(), "not a multiple of 32"),
    ],
)
def test_unsupported_chains_are_refused(steps: list[Any], needs: set[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AugmentChain(steps, frozenset(needs))
