import itertools
from typing import Any

import pytest

from sealkit.engine.sampler import TrainPlan, eval_batches


def take(plan: TrainPlan, steps: int, from_step: int = 0) -> list[Any]:
    return list(itertools.islice(plan.batches(from_step), steps * plan.accumulate))


def test_an_epoch_sees_every_sample_and_fills_the_last_step_from_the_start() -> None:
    plan = TrainPlan(samples=10, batch_size=4, accumulate=1, world=1, rank=0, seed=1)
    assert plan.steps_per_epoch == 3
    picks = [pick for epoch, batch in take(plan, 3) for pick in batch]
    assert {index for index, _ in picks} == set(range(10))
    assert [repeat for _, repeat in picks] == [0] * 10 + [1] * 2
    assert [index for index, _ in picks[10:]] == [index for index, _ in picks[:2]]


def test_a_set_smaller_than_a_batch_repeats_with_other_augmentation() -> None:
    plan = TrainPlan(samples=2, batch_size=5, accumulate=1, world=1, rank=0, seed=1)
    ((_, picks),) = take(plan, 1)
    assert len(set(picks)) == 5 and plan.steps_per_epoch == 1


def test_epochs_differ_and_seeds_repeat() -> None:
    plan = TrainPlan(20, 4, 1, 1, 0, seed=5)
    assert plan.epoch_picks(0) != plan.epoch_picks(1)
    assert plan.epoch_picks(0) == TrainPlan(20, 4, 1, 1, 0, seed=5).epoch_picks(0)
    assert plan.epoch_picks(0) != TrainPlan(20, 4, 1, 1, 0, seed=6).epoch_picks(0)


@pytest.mark.parametrize("from_step", [0, 1, 4, 7, 10])
def test_starting_in_the_middle_continues_the_same_sequence(from_step: int) -> None:
    plan = TrainPlan(17, 2, 3, 1, 0, seed=2)
    assert take(plan, 4, from_step) == take(plan, from_step + 4)[from_step * 3 :]


@pytest.mark.parametrize(("accumulate", "world"), [(2, 1), (1, 2), (2, 2), (4, 1)])
def test_a_step_has_the_same_samples_however_it_is_split(accumulate: int, world: int) -> None:
    whole = TrainPlan(23, 8, 1, 1, 0, seed=3)
    parts = [TrainPlan(23, 8 // accumulate // world, accumulate, world, rank, 3) for rank in range(world)]
    for step in range(4):
        ((epoch, expected),) = take(whole, 1, step)
        found = [take(part, 1, step) for part in parts]
        picks = [pick for micro in range(accumulate) for rank in range(world) for pick in found[rank][micro][1]]
        assert picks == expected
        assert all(e == epoch for rank in found for e, _ in rank)


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_evaluation_deals_whole_batches(world: int) -> None:
    whole = eval_batches(11, 3, 1, 0)
    dealt = [eval_batches(11, 3, world, rank) for rank in range(world)]
    assert sorted(batch for rank in dealt for batch in rank) == whole
    assert [len(batch) for batch in whole] == [3, 3, 3, 2]
