"""A checkpoint that holds no state of a run, or one of odd kinds, is refused by name."""

import pytest

from sealkit.engine.resume import Progress, check_progress
from sealkit.errors import TrainingError

SOUND = {
    **Progress(step=3).to_dict(),
    "settings": {"ema": {"decay": 0.9}},
    "world": 1,
    "ema": {"updates": 3, "last_decay": 0.9},
}


def test_a_sound_state_passes() -> None:
    check_progress(SOUND, "latest")
    check_progress({**SOUND, "settings": {"ema": None}, "ema": None, "best": {"value": 1.0}}, "latest")


@pytest.mark.parametrize("key", SOUND)
@pytest.mark.parametrize("value", ["absent", [[1]], 1.5])
def test_a_part_that_is_missing_or_odd(key: str, value: str | list[list[int]] | float) -> None:
    state = {**SOUND, key: value if key != "warnings" or value == 1.5 else {}}
    if value == "absent":
        del state[key]
    with pytest.raises(TrainingError, match=f"no usable .*{key}"):
        check_progress(state, "latest")


def test_weights_alone_cannot_be_continued() -> None:
    with pytest.raises(TrainingError, match=r"no usable settings, world, step(.|\n)*weights\.init=latest"):
        check_progress({}, "latest")
