"""Goldens: `pytest tests/golden --golden-dir DIR [--golden-only MODULE]`; without DIR the compact set in `data`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.golden_catalog import MODULES, Case, find_cases

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-dir", metavar="DIR", help="folder with goldens of either kind; default: the compact set")
    parser.addoption("--golden-only", metavar="MODULE", help=f"check one module: {', '.join(MODULES)}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = getattr(metafunc.function, "golden_kinds", None)
    if kinds is None:
        return
    folder = metafunc.config.getoption("golden_dir", None)
    only = metafunc.config.getoption("golden_only", None)
    if only is not None and only not in MODULES:
        raise pytest.UsageError(f"--golden-only {only}: no such module; one of {', '.join(MODULES)}")
    root = Path(folder).resolve() if folder else HERE / "data"
    cases = find_cases(root, only)
    wanted: list[Case | None] = [case for case in cases if case.kind in kinds]
    if not cases and "unknown" in kinds:
        wanted = [None]  # an empty run fails, in the test that also receives unknown goldens
    metafunc.parametrize("case", wanted, ids=[case.name if case else f"nothing in {root}" for case in wanted])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A kind of golden that the folder does not have is nothing to report as skipped."""
    items[:] = [item for item in items if "NOTSET" not in item.name]
