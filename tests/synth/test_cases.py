"""Seals drawn to order."""

from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest

from sealkit.errors import DataError
from sealkit.synth.seals.cases import LEVELS, SealCase, balanced_cases, draw_case


def test_every_level_of_a_factor_is_as_frequent_as_the_others() -> None:
    cases = balanced_cases(60, 5)
    for factor, levels in LEVELS.items():
        assert Counter(getattr(case, factor) for case in cases) == {level: 60 // len(levels) for level in levels}


def test_factors_vary_independently() -> None:
    cases = balanced_cases(600, 5)
    pairs = Counter((case.shape, case.angle) for case in cases)
    assert len(pairs) == 20 and max(pairs.values()) < 2.5 * min(pairs.values())


@pytest.mark.parametrize("angle, least, most", [("upright", 0, 5), ("sideways", 60, 120), ("upside down", 120, 180)])
def test_the_seal_is_turned_as_the_case_says(angle: str, least: int, most: int) -> None:
    for index in range(3):
        _, lines, info = draw_case(SealCase("circle", angle, "red", "none", 200), 1, index)
        turn = info["seals"][0]["angle"]
        assert least - 0.1 <= min(turn, 360 - turn) <= most + 0.1
        assert lines and all(line.shape == "circle" for line in lines)


@pytest.mark.parametrize("size", [120, 480])
def test_the_seal_is_as_large_as_the_case_says(size: int) -> None:
    _, _, info = draw_case(SealCase("square", "upright", "blue", "below", size), 1, 0)
    x0, y0, x1, y1 = info["seals"][0]["box"]
    assert size * 0.98 <= max(x1 - x0, y1 - y0) <= size * 1.12  # a turn by five degrees widens the box
    assert info["seals"][0]["colour"] == "blue"


def test_print_changes_the_image_only_where_it_is_asked_for() -> None:
    plain = draw_case(SealCase("oval", "upright", "black", "none", 160), 3, 0)[0]
    again = draw_case(SealCase("oval", "upright", "black", "none", 160), 3, 0)[0]
    through = draw_case(SealCase("oval", "upright", "black", "through", 160), 3, 0)[0]
    assert np.array_equal(plain, again)
    assert plain.shape == through.shape and not np.array_equal(plain, through)


def test_faint_ink_is_fainter() -> None:
    strong, faint = (
        np.mean(
            [
                255 - draw_case(SealCase("circle", "upright", ink, "none", 200), 4, i)[0].astype(float)[..., 1].min()
                for i in range(4)
            ]
        )
        for ink in ("red", "faint red")
    )
    assert faint < strong


@pytest.mark.parametrize(
    "factor, value", [("shape", "star"), ("angle", "90"), ("ink", "green"), ("over_print", "much"), ("size", 8)]
)
def test_unknown_levels_are_named(factor: str, value: str | int) -> None:
    case = asdict(SealCase("circle", "upright", "red", "none", 200)) | {factor: value}
    with pytest.raises(DataError, match=f"no such {factor}"):
        SealCase(**case)
