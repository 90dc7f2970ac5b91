"""`tools/benchmark.py --configs`: the tutorial's six configs with its nine columns, and what is checked of a run."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
import time
import types
from pathlib import Path

import psutil
import pytest

from sealkit.bench import sampling
from sealkit.bench.configs import command
from sealkit.bench.configs.measure import OUTSIDE, Job, Measured, Service, config_names, summed
from sealkit.bench.configs.output import COLUMNS, Config, Report, as_csv, as_json, as_markdown
from sealkit.bench.paddlex_side import Run, run
from sealkit.bench.sampling import Card, Sample, Sampler, Usage, between, usage
from sealkit.config.find import shipped
from sealkit.errors import ConfigError, EngineError
from sealkit.modules.published import FILE

PUBLISHED = json.loads(FILE.read_text(encoding="utf-8"))["pipelines"]
ROOT = Path(__file__).resolve().parents[2]
MACHINE = {
    "processor": "P", "cores": 2, "memory_gb": None, "cards": [], "system": "S", "python": "3", "load": 0.5,
    "packages": {"sealkit": "1"},
}  # fmt: skip


# ----- configs and published rows -----


def test_configs_are_those_of_the_tutorial() -> None:
    assert list(config_names()) == list(PUBLISHED)
    assert set(config_names().values()) <= set(shipped("configs"))
    assert command.chosen(["all"]) == config_names()
    assert command.chosen(["seal_recognition"]) == {"seal_recognition-default": "seal_recognition"}
    with pytest.raises(ConfigError, match="no such config"):
        command.chosen(["seal_recognition-nop"])


def report(*runs: Measured, hardware: str = "", service: Service | None = None) -> Report:
    configs = [Config(name, there, {"net": "random weights"}, 3, 1, [], None) for name, there in config_names().items()]
    configs[0].runs, configs[0].service = list(runs), service
    return Report(configs, Job(("a",)), MACHINE, "3.7.2", hardware)


def test_published_rows_stand_beside_as_they_are() -> None:
    whole = json.loads(as_json(report()))
    for config in whole["configs"]:
        said = [{k: v for k, v in row.items() if v is not None} for row in PUBLISHED[config["name"]]]
        assert config["published"] == said and len(said) == 9
        assert set(said[0]) - {"hardware"} <= set(COLUMNS)
    assert as_csv(report()).count("published: ") == 54
    assert as_markdown(report(hardware="6271C + T4")).count("published: ") == 6


def test_both_libraries_their_ratio_and_the_service_are_shown() -> None:
    use = Usage(180.0, 150.0, 900.0, 800.0)
    ours = Measured(
        "sealkit", ["onnxruntime (cpu, 2 threads)"], 0.5, 0.9, {"net": 0.4, OUTSIDE: 0.1}, use, 2.1, 2.0, 1.0
    )
    theirs = Measured("paddlex", [], 1.0, 1.8, {"net": 0.8, OUTSIDE: 0.2}, None, 2.5, 2.0, 1.2)
    text = as_markdown(report(ours, theirs, service=Service(9, 4, 3.5, 0.25, 0.75)))
    assert "| sealkit (onnxruntime) | 0.50 | 180.00 | 150.00 | 900.00 | 800.00 | – | – | – | – | 0.90 |" in text
    assert "| seal_recognition-default | 2.00× | – | – | – | – | 2.00× |" in text
    assert "| net | 0.400 | 0.800 |" in text and "| 9 | 4 | 3.50 | 0.25 | 0.75 | none |" in text
    assert "- met: seal_recognition-default: sealkit: twice the images take 2.10 times" in text
    assert "- NOT MET: seal_recognition-default: paddlex: twice the images take 2.50 times" in text
    assert "- NOT MET: seal_recognition-default: paddlex: memory after the second pass is 1.200" in text
    assert "paddlex 3.7.2" in text


# ----- what a run comes to -----


def test_shares_and_means_of_samples() -> None:
    samples = [Sample(0.0, 0.0, 100.0), Sample(1.0, 2.0, 200.0, 10.0, 30.0), Sample(3.0, 3.0, 300.0, 30.0, 50.0)]
    found = usage(samples)
    assert found == Usage(200.0, 100.0, 300.0, 250.0, 30.0, 20.0, 50.0, 40.0)
    assert usage(samples[:1]) is None
    assert between(samples, 0.5, 1.5) == samples[:2]  # with the last one before it
    plain = usage([Sample(0.0, 0.0, 1.0), Sample(1.0, 0.5, 1.0)])
    assert plain is not None and plain.gpu_peak is None and plain.device_mb_avg is None


def test_a_run_of_two_passes() -> None:
    done = Run(
        engines=["onnxruntime (cpu)"],
        at={"a": [10.0, 14.0], "b": [11.0, 15.0]},
        seconds={"a": [1.0, 1.0], "b": [3.0, 3.0]},
        parts={"a": [{"det": 0.5}, {"det": 9.0}], "b": [{"det": 1.0, "rec": 1.5}, {}]},
        cpu={"a": [1.0, 1.0], "b": [1.0, 2.0]},
    )
    samples = [Sample(9.0 + number / 2, number / 2, 100.0 if number < 11 else 110.0) for number in range(20)]
    found = summed("sealkit", done, samples)
    assert (found.seconds, found.cpu_seconds, found.twice, found.twice_cpu) == (2.0, 1.0, 2.0, 2.5)
    assert found.parts == {"det": 0.75, "rec": 0.75, OUTSIDE: 0.5}
    assert found.use is not None and found.use.cpu_avg == pytest.approx(100.0)
    assert found.growth == pytest.approx(1.1) and found.memory[0] == (0.0, 100.0)
    assert list(found.checks().values()) == [True, False, False]


def test_the_run_with_the_median_time_counts() -> None:
    runs = [Measured("sealkit", seconds=s) for s in (3.0, 1.0, 2.0)] + [Measured("sealkit", error="burnt")]
    assert command.middle(runs).seconds == 2.0 and command.middle(runs[3:]).error == "burnt"


# ----- sampling -----


def test_a_process_and_its_children_are_sampled() -> None:
    child = "held = b'x' * 60_000_000\nimport time; time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    sampler = Sampler(interval=0.05)
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        with sampler.watching(process.pid):
            for _ in range(600):
                if sampler.samples and sampler.samples[-1].host_mb > 60:
                    break
                time.sleep(0.05)
    finally:
        for one in psutil.Process(process.pid).children():
            one.kill()
        process.kill()
        process.wait()
    assert max(sample.host_mb for sample in sampler.samples) > 60
    assert all(b.cpu >= 0 and b.at > a.at for a, b in zip(sampler.samples, sampler.samples[1:]))


def test_a_process_that_is_gone_ends_the_sampling() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    sampler = Sampler(interval=0.01)
    with sampler.watching(process.pid):
        pass
    assert sampler.samples == []


class Driver(types.ModuleType):
    """As much of nvidia-ml-py as is used."""

    class NVMLError(Exception):
        pass

    def __init__(self, cards: int, own: bool) -> None:
        super().__init__("pynvml")
        self.cards, self.own, self.used = cards, own, 100 * sampling.MB

    def nvmlInit(self) -> None:
        if not self.cards:
            raise self.NVMLError

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> object:
        return types.SimpleNamespace(used=self.used)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> object:
        return types.SimpleNamespace(gpu=42)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[object]:
        other = types.SimpleNamespace(pid=1, usedGpuMemory=999 * sampling.MB)
        mine = types.SimpleNamespace(pid=7, usedGpuMemory=30 * sampling.MB)
        return [other, mine] if self.own else [other]


@pytest.mark.parametrize(("own", "memory"), [(True, 30.0), (False, 150.0)])
def test_a_card_tells_use_and_memory(monkeypatch: pytest.MonkeyPatch, own: bool, memory: float) -> None:
    driver = Driver(1, own)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: driver)
    card = Card.find()
    assert card is not None
    driver.used = 250 * sampling.MB
    assert card.read([7, 8]) == (42.0, memory)
    monkeypatch.setitem(sys.modules, "pynvml", Driver(0, own))
    assert Card.find() is None


# ----- the process of a library -----


def fake_python(folder: Path, lines: list[dict[str, object]], code: int = 0) -> Path:
    """An interpreter that prints these lines and the flags it was given."""
    path = folder / "python"
    said = "\n".join(json.dumps(line) for line in lines)
    path.write_text(
        f"#!{sys.executable}\nimport sys\nprint({said!r})\nprint(sys.argv, file=sys.stderr)\nsys.exit({code})\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(os.name == "nt", reason="a script as interpreter")
def test_a_run_is_watched_and_its_networks_told_apart(tmp_path: Path) -> None:
    line = {
        "image": "a",
        "at": 5.0,
        "seconds": 1.0,
        "parts": {"det": 0.5},
        "networks": 0.5,
        "cpu": 1.0,
        "networks_cpu": 1,
    }
    python = fake_python(tmp_path, [line, line, {"peak_mb": 3}])
    sampler = Sampler(interval=0.01)
    seen = []

    def watch(pid: int) -> object:
        seen.append(pid)
        return sampler.watching(pid)

    found = run(python, "paddlex", tmp_path / "c.yaml", ["a"], 2, 1, watch=watch)  # type: ignore[arg-type]
    assert len(seen) == 1 and found.parts == {"a": [{"det": 0.5}] * 2} and found.at == {"a": [5.0, 5.0]}
    with pytest.raises(EngineError, match="--warm-up"):  # the end of what it wrote is shown
        run(fake_python(tmp_path, [line], 1), "paddlex", tmp_path / "c.yaml", ["a"], 2, 1, flags=["--warm-up", "4"])


# ----- the command -----


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Job]]:
    """The command without networks: what was measured, in order."""
    asked: list[tuple[str, Job]] = []

    def measured(library: str, config: Path, job: Job) -> Measured:
        asked.append((library, job))
        if len(asked) == 3:
            raise EngineError("it burns", where="here")
        return Measured(library, seconds=1.0, cpu_seconds=1.0, twice=2.0)

    monkeypatch.setattr(command, "measure", measured)
    monkeypatch.setattr(command, "model_folders", lambda config, job: ({}, {}))
    pair = {"sealkit": Path("s"), "paddlex": Path("p")}
    monkeypatch.setattr(command, "write_pair", lambda *given: pair)
    monkeypatch.setattr(command, "_version", lambda python: "3.7.2")
    return asked


def test_all_configs_run_whatever_one_does(
    stubbed: list[tuple[str, Job]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--configs", "all", "--vs", "paddlex", "--paddlex-python", sys.executable, "--output", str(tmp_path)]
    toy = str(ROOT / "datasets/toy/images")
    flags += ["--images", toy, "--limit", "12", "--server-limit", "2", "--server-warm-up", "1"]
    assert command.main(flags) == 1
    assert [library for library, _ in stubbed] == ["sealkit", "paddlex"] * 6  # taking turns
    sizes = [(len(job.images), job.warm_up) for library, job in stubbed if library == "sealkit"]
    assert sizes == [(2, 1)] * 5 + [(12, 20)]  # all but the last have a server model or PP-DocLayout-L
    text = capsys.readouterr().out
    assert text == (tmp_path / "pipelines.md").read_text(encoding="utf-8")
    assert text.count("## seal_recognition") == 6 and "it burns" in text
    html = (tmp_path / "pipelines.html").read_text(encoding="utf-8")
    assert "<script" not in html and html.count("<svg") >= 2
    assert {path.suffix for path in tmp_path.iterdir()} == {".md", ".csv", ".json", ".html"}


def test_what_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such interpreter"):
        command.main(["--vs", "paddlex", "--paddlex-python", str(tmp_path / "none")])
    with pytest.raises(ConfigError, match="no paddlex"):
        command.main(["--vs", "paddlex", "--paddlex-python", sys.executable])


def test_the_spelling_without_a_name_works() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/benchmark.py", "--configs", "seal_recognition-nop"],
        capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2 and "did you mean seal_recognition-nopp" in done.stderr


@pytest.mark.slow
def test_a_config_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALKIT_MODELS_DIR", str(tmp_path / "models"))
    name = "seal_recognition-nopp-nolayout-lightweight"
    flags = ["--configs", name, "--images", str(ROOT / "datasets/toy/images"), "--limit", "2", "--warm-up", "1"]
    flags += ["--threads", "1", "--output", str(tmp_path / "out"), "--service", "--clients", "2", "--requests", "4"]
    assert command.main(flags) == 0
    (config,) = json.loads((tmp_path / "out/pipelines.json").read_text(encoding="utf-8"))["configs"]
    (ours,) = config["runs"]
    assert set(ours["parts"]) == {"PP-OCRv4_mobile_seal_det", "PP-OCRv4_mobile_rec", OUTSIDE}
    assert sum(ours["parts"].values()) == pytest.approx(ours["seconds"])
    assert ours["use"]["host_mb_peak"] > 50 and ours["use"]["cpu_avg"] > 0 and ours["twice"] > 1
    assert config["service"]["faults"] == [] and config["service"]["p99"] >= config["service"]["p50"] > 0
