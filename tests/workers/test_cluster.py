"""Workers of a Ray cluster: the results of one process, also where a machine of the cluster dies."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sealkit import cli
from sealkit.cli import data_crop
from sealkit.data import images
from sealkit.data.images import survey
from sealkit.errors import EngineError
from sealkit.synth.common.sets import SetPlan
from sealkit.synth.seals.settings import SynthSettings
from sealkit.synth.seals.writer import write_detection_set
from sealkit.workers import pool
from sealkit.workers.cluster import RayActor
from sealkit.workers.pool import Pool, Workers, mapped
from sealkit.workers.serve import plain
from tests.pipeline.test_set_crops import part
from tests.synth.test_sets import contents
from tests.workers import jobs

ROOT = Path(__file__).resolve().parents[2]
SMALL = SynthSettings(size=(160, 220), page_size=(200, 260))


def test_without_ray_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"ray is not installed(?s:.*)sealkit\[ray\]"):
        list(mapped(jobs.square, [1], Workers(0, "local")))


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Any], Any]]:
    """A cluster of two machines with a core each: address, machines, cluster."""
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's 15 starves the workers of a busy machine
    monkeypatch.setattr(images, "IMAGES_PER_WORKER", 2)
    monkeypatch.setattr(data_crop, "_IMAGES_PER_WORKER", 1)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    yield cluster.address, nodes, cluster
    ray.shutdown()  # commands that end with their process leave the cluster to it
    cluster.shutdown()


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(
    machines: tuple[str, list[Any], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address, nodes, cluster = machines
    there = Workers(0, address)

    for name, workers in (("here", 1), ("cluster", there)):
        write_detection_set(SetPlan(tmp_path / name, 8, 5, workers, val_share=0.25), SMALL)
    assert contents(tmp_path / "here") == contents(tmp_path / "cluster")
    paths = [*sorted((tmp_path / "here" / "images").iterdir()), tmp_path / "nowhere.png"]
    here, far = survey(paths), survey(paths, workers=there)
    assert [(f.pixel_hash, f.contrast, f.error and f.error.what) for f in here] == [
        (f.pixel_hash, f.contrast, f.error and f.error.what) for f in far
    ]
    with caplog.at_level(logging.WARNING), Pool(partial(plain, partial(jobs.die_once, str(tmp_path), 5)), there) as one:
        assert one.count == 2
        assert [job for job, _ in one.map(range(12))] == list(range(12))
    told = [record.getMessage() for record in caplog.records if record.name == pool.__name__]
    assert len(told) == 1 and "worker " in told[0] and "at 5; trying again" in told[0]
    caplog.clear()

    with caplog.at_level(logging.WARNING), Pool(partial(plain, jobs.square_slowly), there) as one:
        one.until_ready()
        results = one.map(range(60))
        first = [next(results) for _ in range(4)]
        cluster.remove_node(nodes[0], allow_graceful=False)
        assert first + list(results) == [n * n for n in range(60)], "one machine is left, and does the rest"
    told = [record.getMessage() for record in caplog.records if record.name == pool.__name__]
    assert told and all("of the cluster" in line and "died" in line for line in told)


@pytest.mark.slow
def test_pipelines_on_a_cluster_give_what_one_process_gives(
    machines: tuple[str, list[Any], Any], tmp_path: Path
) -> None:
    """`infer` and `crop`, by the files they write; the seconds of the stages are each run's own."""
    address, _, _ = machines
    root = part(tmp_path / "set", 2)
    paths = [str(path) for path in sorted((root / "images").iterdir())]
    for name, flags in (("here", ["--workers", "1"]), ("cluster", ["--ray", address])):
        out = tmp_path / name
        assert cli.main(["infer", *paths, "--save-path", str(out / "read"), "--quiet", *flags]) == 0
        assert cli.main(["data", "crop", str(root), str(out / "cut"), "--outlines", "detector", *flags]) == 0
    assert comparable(tmp_path / "here") == comparable(tmp_path / "cluster")


def comparable(folder: Path) -> dict[str, Any]:
    """Path in the folder → content, of all files, without the seconds that runs took."""
    return {
        name: untimed(json.loads(content)) if name.endswith(".json") else content
        for name, content in contents(folder).items()
    }


def untimed(result: dict[str, Any]) -> dict[str, Any]:
    for stage in (result, *result.get("stages", {}).values()):
        stage.pop("seconds", None)
    return result


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The worker that is killed with the second job it is handed, as the kernel does where memory runs out."""
    send, sent = RayActor.send, Counter[str]()
    names: list[str] = []

    def send_and_kill(actor: RayActor, ticket: int, job: Any) -> None:
        send(actor, ticket, job)
        sent[actor.name] += 1
        if not names and sent[actor.name] == 2:
            names.append(actor.name)
            os.kill(int(actor.name.rpartition(" ")[2]), signal.SIGKILL)

    monkeypatch.setattr(RayActor, "send", send_and_kill)
    return names


COMMANDS = {
    "check": "data check own --json check.json",
    "convert": "data convert tool set",
    "crop": "data crop own cut --recogniser none",
    "synth": "data synth drawn --count 6 --size 160 200",
    "prelabel": "data prelabel scans --to labelme",
    "infer": "infer scans --save-path read --quiet",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_survives_the_death_of_a_worker(
    name: str,
    machines: tuple[str, list[Any], Any],
    killed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The files of a command whose worker is killed are those of a run in one process."""
    for module in ("sealkit.data.converters.base.FILES_PER_WORKER", "sealkit.synth.common.sets.IMAGES_PER_WORKER"):
        monkeypatch.setattr(module, 1)
    for run, flags in (("here", ["--workers", "1"]), ("far", ["--ray", machines[0]])):
        folder = tmp_path / run
        folder.mkdir()
        monkeypatch.chdir(folder)
        part(Path("own"), 6)
        part(Path("scans"), 4)
        assert cli.main(["data", "convert", "own", "tool", "--to", "labelme", "--workers", "1"]) == 0
        given = len(contents(folder))
        assert cli.main([*shlex.split(COMMANDS[name]), *flags]) == 0
        assert len(contents(folder)) > given
    told = [record.getMessage() for record in caplog.records if record.name == pool.__name__]
    assert len(killed) == 1 and len(told) == 1 and told[0].startswith(killed[0]) and "trying again" in told[0]
    here, far = (comparable(tmp_path / run) for run in ("here", "far"))
    assert here.keys() == far.keys()
    for file, content in here.items():
        assert far[file] == content, file
