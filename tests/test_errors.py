"""Values in messages: shortened before they are written out."""

import time
from typing import Any

import numpy as np
import pytest

from sealkit.errors import ConfigError, short_repr

SHORT = [
    1,
    1.5,
    "a'b",
    b"x",
    None,
    True,
    [],
    [1, "a"],
    (),
    (1,),
    (1, 2),
    {},
    {"a": [1, {"b": None}]},
    {1},
    set(),
    {1: ()},
]


@pytest.mark.parametrize("value", SHORT)
def test_short_values_are_shown_as_they_are(value: object) -> None:
    assert short_repr(value) == repr(value)


def test_long_values_are_cut() -> None:
    for value in ("x" * 300, [[1, 2]] * 300, {f"key{n}": n for n in range(300)}, tuple(range(300))):
        assert short_repr(value) == repr(value)[:197] + "..."


def test_huge_values_cost_nothing() -> None:
    shared: list[Any] = ["x"] * 10
    for _ in range(20):
        shared = [shared] * 10
    itself: list = []
    itself.append(itself)
    long = "x" * 100_000_000
    began = time.process_time()
    for value in (shared, {"a": shared}, itself, {"k": itself}, [long, long], {long: long}, np.zeros((2000, 2000))):
        assert len(short_repr(value)) <= 200
        assert len(str(ConfigError("no", value=value))) <= 220
    assert time.process_time() - began < 1


def test_numbers_that_python_refuses_to_write() -> None:
    assert short_repr(10**5000) == "a whole number of about 5001 digits"
    assert short_repr([10**5000, 2]) == "[a whole number of about 5001 digits, 2]"
