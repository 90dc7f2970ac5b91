import multiprocessing
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from sealkit.engine.loader import CAN_SHARE, Loader, Stream
from sealkit.engine.task import SampleSource
from sealkit.errors import TrainingError
from tests.engine.toy_task import ToySamples, collate

PLAN = [(epoch, [(i, 0) for i in range(start, start + 3)]) for epoch in range(2) for start in range(0, 9, 3)]


def streams(**options: Any) -> dict[str, Stream]:
    return {"a": Stream(ToySamples(**options), collate), "b": Stream(ToySamples(count=4, augment=False), collate)}


def contents(loader: Loader, stream: str = "a", plan: Iterable[tuple[int, list[Any]]] = PLAN) -> list[tuple[Any, ...]]:
    return [
        (batch.epoch, batch.arrays["image"].copy(), batch.arrays["name"], batch.broken)
        for batch in loader.batches(stream, plan)
    ]


@pytest.mark.parametrize("size", [8, 128])  # small arrays travel through the pipe, large ones through memory files
def test_workers_give_the_same_batches_in_the_same_order(size: int) -> None:
    with Loader(streams(size=size), 0, seed=4) as loader:
        expected = contents(loader)
    with Loader(streams(size=size), 2, seed=4) as loader:
        found = contents(loader)
        again = contents(loader)
    for one, two, three in zip(expected, found, again, strict=True):
        assert one[0] == two[0] and one[2] == two[2]
        assert one[1].tobytes() == two[1].tobytes() == three[1].tobytes()
    assert expected[0][1].tobytes() != expected[3][1].tobytes()  # another epoch, other augmentation


def test_an_evaluation_inside_a_training_run_uses_the_same_workers() -> None:
    with Loader(streams(size=128), 2, seed=4) as loader:
        expected = contents(loader)
        found = []
        for batch in loader.batches("a", PLAN):
            found.append(batch.arrays["image"].copy())
            inner = contents(loader, "b", [(0, [(0, 0), (1, 0)]), (0, [(2, 0), (3, 0)])])
            assert [names for _, _, names, _ in inner] == [
                ["image_0.png", "image_1.png"],
                ["image_2.png", "image_3.png"],
            ]
        assert all(a[1].tobytes() == b.tobytes() for a, b in zip(expected, found, strict=True))


def test_giving_up_an_iterator_leaves_the_loader_usable() -> None:
    with Loader(streams(size=128), 2, seed=4) as loader:
        expected = contents(loader)
        for _ in range(3):
            iterator: Any = loader.batches("a", PLAN)
            next(iterator)
            iterator.close()
        assert [a[1].tobytes() for a in expected] == [b[1].tobytes() for b in contents(loader)]
        slots = max(worker._slots for worker in loader._workers)
    assert slots <= 4  # memory files are used again


def test_broken_samples_are_left_out_and_named() -> None:
    for workers in (0, 1):
        with Loader(streams(broken=(1, 2, 3, 4, 5)), workers, seed=4) as loader:
            first, second = list(loader.batches("a", PLAN[:2]))
        assert first.samples == 1 and second.arrays is None
        assert first.broken == [(1, "broken"), (2, "labels.txt:3: empty image")]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_the_program_is_not_a_broken_sample(workers: int) -> None:
    with Loader(streams(crash=(4,)), workers, seed=4) as loader, pytest.raises(TrainingError) as caught:
        contents(loader)
    assert "sample 4 of a" in str(caught.value) and "KeyError: 'a fault of the program'" in str(caught.value)


def test_a_killed_worker_ends_the_run_with_a_message() -> None:
    with Loader(streams(), 2, seed=4) as loader, pytest.raises(TrainingError, match="loader process 1 died: killed"):
        iterator = loader.batches("a", PLAN * 20)
        next(iterator)
        os.kill(loader._workers[1]._process.pid, signal.SIGKILL)
        list(iterator)


def test_workers_do_not_import_paddle() -> None:
    with Loader({"a": Stream(Modules(), plain)}, 1, seed=0) as loader:
        ((_, modules, _, _),) = [
            (b.epoch, b.arrays["modules"], None, None) for b in loader.batches("a", [(0, [(0, 0)])])
        ]
    assert "paddle" not in modules[0] and "cv2" in modules[0]


class Modules(SampleSource):
    def __len__(self) -> int:
        return 1

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        import sys

        return {"modules": [name for name in sys.modules if "." not in name], "name": "x"}


def plain(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"modules": [sample["modules"] for sample in samples]}


def test_closing_ends_the_processes() -> None:
    loader = Loader(streams(), 2, seed=4)
    contents(loader)
    loader.close()
    assert not [child for child in multiprocessing.active_children() if child.name.startswith("sealkit-loader")]


@pytest.mark.skipif(not CAN_SHARE, reason="memory files are Linux's")
def test_large_arrays_do_not_travel_through_the_pipe() -> None:
    with Loader(streams(size=128), 1, seed=4) as loader:
        for batch in loader.batches("a", PLAN[:1]):
            image = batch.arrays["image"]
            assert image.nbytes > 1 << 16 and not image.flags.owndata and isinstance(image, np.ndarray)
