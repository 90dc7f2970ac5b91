"""Functions against goldens of the other kind (folders with a manifest.json), and goldens nobody knows."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.golden.golden_catalog import Case
from tests.golden.test_zoo import kinds


@kinds("function")
def test_function(case: Case) -> None:
    if find_spec(f"tests.golden.check_{case.family}") is None:
        pytest.fail(f"golden {case.name} has no check_{case.family}.py")
    import_module(f"tests.golden.check_{case.family}").check_folder(case.path)


@kinds("unknown")
def test_known(case: Case | None) -> None:
    if case is None:
        pytest.fail("no golden to check: neither golden/*.npz nor */manifest.json of the chosen module in the folder")
    pytest.fail(f"unknown golden {case.path}: add it to golden_catalog.py")
