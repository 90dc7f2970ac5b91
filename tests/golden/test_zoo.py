"""Networks and operations against goldens of the zoo kind (`golden/*.npz`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from tests.golden import check_networks
from tests.golden.golden_catalog import Case


def kinds(*names: str) -> Callable[[Any], Any]:
    def mark(function: Any) -> Any:
        function.golden_kinds = names
        return function

    return mark


@kinds("network")
def test_network(case: Case) -> None:
    with np.load(case.path) as stored:
        golden = {key: stored[key] for key in stored.files}
    check = check_networks.CHECKS.get((case.modules[0], case.part))
    if check is None:
        pytest.fail(f"no check of networks of {case.modules[0]} ({case.part}) in check_networks.CHECKS")
    check(case.family, golden, case.path.parent.parent)


@kinds("operation")
def test_operation(case: Case) -> None:
    if find_spec(f"tests.golden.check_{case.family}") is None:
        pytest.fail(f"golden {case.name} has no check_{case.family}.py")
    with np.load(case.path) as stored:
        import_module(f"tests.golden.check_{case.family}").check_arrays({key: stored[key] for key in stored.files})
