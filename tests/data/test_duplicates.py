"""Copies are found after recompression, scaling, brightness and turning; different seals are not taken for one
another.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sealkit.data import duplicates
from sealkit.data.duplicates import RULES, SignatureStore, find_leaks, find_pairs, signature
from sealkit.errors import DataError
from tests.data.sets import draw_image


def mark(image: np.ndarray) -> np.ndarray:
    found = signature(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    assert found is not None
    return found


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    return float(mark(first)[1:] @ mark(second)[1:])


def seal(text_seed: int) -> np.ndarray:
    """A round seal, the same ring and star each time, different blobs for characters."""
    image = np.full((240, 240, 3), 255, np.uint8)
    cv2.circle(image, (120, 120), 110, (0, 0, 220), 5)
    cv2.circle(image, (120, 120), 25, (0, 0, 220), -1)
    rng = np.random.default_rng(text_seed)
    for angle in np.radians(np.linspace(150, 390, 14)):
        x, y = 120 + 85 * np.cos(angle), 120 + 85 * np.sin(angle)
        for _ in range(4):
            a, b = (np.array([x, y]) + rng.uniform(-11, 11, (2, 2))).astype(int)
            cv2.line(image, a.tolist(), b.tolist(), (0, 0, 220), 3)
    return image


@pytest.mark.parametrize("quality", [15, 40, 80])
def test_recompressed(quality: int) -> None:
    image = seal(1)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert done and again is not None
    assert likeness(image, again) > 0.95


@pytest.mark.parametrize("scale", [0.4, 0.7, 2.0])
def test_scaled(scale: float) -> None:
    assert likeness(seal(1), cv2.resize(seal(1), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)) > RULES.alike


def test_brightness_contrast_and_gray() -> None:
    image = seal(1)
    assert likeness(image, np.clip(image * 0.7 + 50, 0, 255).astype(np.uint8)) > 0.95
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert likeness(image, cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)) > 0.99


def test_seals_of_one_form_with_other_characters_are_different() -> None:
    marks = [mark(seal(seed)) for seed in range(30)]
    assert find_pairs(marks, [""] * 30) == []


def test_flat_images_have_no_signature() -> None:
    assert signature(np.full((50, 60), 200, np.uint8)) is None


def test_pairs_within_a_set() -> None:
    images = [draw_image(seed) for seed in range(6)]
    images.append(cv2.resize(images[2], (320, 240)))
    images.append(images[2])
    images.append(images[2])
    hashes = [str(seed) for seed in range(6)] + ["6", "2", "2"]
    pairs = find_pairs([mark(image) for image in images], hashes)
    assert [(p.first, p.second, p.same_pixels) for p in pairs] == [(2, 6, False), (2, 7, True), (2, 8, True)]


def test_other_proportions_are_not_a_copy() -> None:
    image = draw_image(1)
    assert find_pairs([mark(image), mark(cv2.resize(image, (200, 120)))], ["a", "b"]) == []


def test_leaks_are_found_in_every_quarter_turn_and_mirror() -> None:
    train = [draw_image(seed) for seed in range(8)]
    turned = [np.rot90(train[3], k) for k in range(4)] + [np.rot90(train[5], k)[:, ::-1] for k in range(4)]
    val = [*turned, draw_image(99)]
    pairs = find_leaks([mark(i) for i in train], ["t"] * 8, [mark(np.ascontiguousarray(i)) for i in val], ["v"] * 9)
    assert [(p.first, p.second) for p in pairs] == [(3, 0), (3, 1), (3, 2), (3, 3), (5, 4), (5, 5), (5, 6), (5, 7)]
    assert [p.turned for p in pairs] == [False] + [True] * 7
    assert all(p.likeness > 0.97 for p in pairs)


def test_equal_pixels_win_over_likeness() -> None:
    image = draw_image(1)
    pairs = find_leaks([mark(image), mark(image)], ["x", "y"], [mark(image)], ["y"])
    assert [(p.first, p.second, p.same_pixels) for p in pairs] == [(1, 0, True)]


def test_nothing_to_compare() -> None:
    assert find_pairs([], []) == []
    assert find_leaks([], [], [mark(draw_image(1))], ["a"]) == []
    assert find_leaks([None], [""], [None], [""]) == []


def test_more_images_than_one_block() -> None:
    rng = np.random.default_rng(0)
    marks: list[np.ndarray | None] = []
    length = mark(draw_image(0)).size - 1
    for _ in range(1200):
        vector = rng.normal(size=length)
        marks.append(np.concatenate([[0.0], vector / np.linalg.norm(vector)]).astype(np.float32))
    marks[1100] = marks[3]
    marks[600] = marks[590]
    pairs = find_pairs(marks, [""] * 1200)
    assert [(p.first, p.second) for p in pairs] == [(590, 600), (3, 1100)]


def test_signatures_in_a_file_give_the_pairs_of_those_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", 3)
    monkeypatch.setattr(SignatureStore, "_IN_MEMORY", 10_000)
    marks = [mark(draw_image(seed % 6)) for seed in range(8)]
    store = SignatureStore()
    stored = [store.add(one) for one in marks]
    assert all(np.array_equal(np.asarray(one), kept) for one, kept in zip(stored, marks))
    with_gap = [*stored[:5], None, *stored[5:]]
    for given, same in ((stored, marks), (with_gap, [*marks[:5], None, *marks[5:]])):
        assert find_pairs(given, [""] * len(given)) == find_pairs(same, [""] * len(same)) != []
        assert find_leaks(given, [""] * len(given), stored[:2], ["", ""]) == find_leaks(
            same, [""] * len(same), marks[:2], ["", ""]
        )


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SignatureStore()

    def full(data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._file, "write", full)
    with pytest.raises(DataError, match=r"No space left on device(?s:.*)TMPDIR"):
        store.add(mark(draw_image(1)))
