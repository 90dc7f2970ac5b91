"""Sets mixed by ratio: every sample equally often, and the same ones after a resume."""

from __future__ import annotations

from collections import Counter

import pytest

from sealkit.data.mix import SetMix
from sealkit.errors import ConfigError


def test_ratio_one_is_the_set_itself() -> None:
    mix = SetMix([3, 2], [1.0, 1.0], seed=0)
    assert len(mix) == 5 and [mix.pick(i, 7) for i in range(5)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_small_shares_reach_every_sample_in_turn() -> None:
    mix = SetMix([10, 4], [0.2, 1.0], seed=3)
    assert mix.places == (2, 4)
    seen = [mix.pick(i, epoch) for epoch in range(5) for i in range(2)]
    assert Counter(seen) == {(0, n): 1 for n in range(10)}
    assert seen != sorted(seen)


def test_large_ratios_repeat_evenly() -> None:
    mix = SetMix([4], [2.5], seed=0)
    counts = Counter(mix.pick(i, epoch) for epoch in range(2) for i in range(len(mix)))
    assert set(counts.values()) == {5} and len(counts) == 4


def test_a_place_depends_on_nothing_but_its_arguments() -> None:
    picks = [SetMix([50], [0.3], seed=1).pick(i, 4) for i in range(15)]
    later = SetMix([50], [0.3], seed=1)
    later.pick(0, 9)
    assert [later.pick(i, 4) for i in range(15)] == picks
    assert [SetMix([50], [0.3], seed=2).pick(i, 4) for i in range(15)] != picks


@pytest.mark.parametrize(("sizes", "ratios"), [([], []), ([0], [1.0]), ([3], [0.0])])
def test_empty_sets_are_refused(sizes: list[int], ratios: list[float]) -> None:
    with pytest.raises(ConfigError, match="ratio above 0"):
        SetMix(sizes, ratios, 0)
    with pytest.raises(IndexError):
        SetMix([2], [1.0], 0).pick(2, 0)
