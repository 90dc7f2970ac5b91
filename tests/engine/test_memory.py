"""Freed memory stays with a training, and nobody else's settings are touched."""

from __future__ import annotations

import ctypes
from typing import Any

import paddle
import pytest

from sealkit.engine import memory
from sealkit.engine.loop import fit
from tests.engine.toy_task import ToyTask, recipe

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(memory._glibc() is None, reason="not glibc")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in memory._USERS:
        monkeypatch.delenv(name, raising=False)


def page_faults() -> int:
    """Of three times ten tensors of 20 MB: 48,828 pages each time where the ones before went back to the system."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        tensors = [paddle.ones([5_000_000]) for _ in range(10)]
        del tensors
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


def test_tensors_get_the_memory_of_those_before() -> None:
    page_faults()  # where glibc's own limits arrive
    outside = page_faults()
    with memory.kept_memory():
        page_faults()
        inside = page_faults()
    assert inside < 1000 < 20_000 < outside  # tests before this one may have left some memory free
    assert page_faults() > 20_000  # as before


def test_the_users_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(memory, "release_memory", lambda: pytest.fail("nothing was changed"))
        patched.setenv("MALLOC_TRIM_THRESHOLD_", "100000000")
        with memory.kept_memory():
            assert not memory.keep_memory()


@pytest.mark.parametrize("library", [OSError, TypeError, object()], ids=["none", "Windows", "not glibc"])
def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    def load(name: None) -> Any:
        if isinstance(library, type):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    with memory.kept_memory():
        assert not memory.keep_memory()


def test_training_keeps_it_and_gives_it_back(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(memory, "keep_memory", lambda: done.append("keep") or True)
    monkeypatch.setattr(memory, "release_memory", lambda: done.append("release"))

    class Watched(ToyTask):
        def loss(self, outputs: Any, batch: Any, state: Any) -> Any:
            assert done == ["keep"]
            return super().loss(outputs, batch, state)

    fit(Watched(), recipe(train={"max_steps": 1}), tmp_path, progress=False)
    assert done == ["keep", "release"]
