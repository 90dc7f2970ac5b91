"""`sealkit eval --table`: all rows, the published numbers as they are, and what happens to a model that fails."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from sealkit import api, cli
from sealkit.bench.tables import command, measure, network_time
from sealkit.bench.tables.command import named_models, run_tables
from sealkit.bench.tables.flops import work
from sealkit.bench.tables.measure import Job, Measured, sets_for
from sealkit.bench.tables.network_time import Plan, Timing
from sealkit.bench.tables.output import Tables, as_csv, as_json, as_markdown, records, write_all
from sealkit.bench.tables.rows import ALL, CORE, NEW, OLD, TABLES, sections
from sealkit.errors import ConfigError, DataError
from sealkit.modules.published import FILE
from sealkit.runtime.devices import CPU

PUBLISHED = json.loads(FILE.read_text(encoding="utf-8"))["models"]
ROOT = Path(__file__).resolve().parents[2]
MACHINE = {
    "processor": "P", "cores": 2, "memory_gb": None, "cards": [], "system": "S", "python": "3", "load": 0.5,
    "packages": {"sealkit": "1"},
}  # fmt: skip


def whole(measured: dict[str, Measured] | None = None, job: Job | None = None) -> Tables:
    return Tables(sections(ALL), measured or {}, job or Job(), MACHINE)


# ----- rows and published numbers -----


def test_rows_are_those_of_the_tutorials() -> None:
    found = sections(ALL)
    counts = {tutorial: sum(len(s.models) for s in found if s.tutorial == tutorial) for tutorial in (NEW, OLD)}
    assert counts == {"3.x": 39, "3.0-beta": 12}
    new = [name for section in found if section.tutorial == NEW for name in section.models]
    assert {name for name in new if new.count(name) == 2} == set(CORE)
    assert set(new) == {name for name, entry in PUBLISHED.items() if NEW in entry["published"]}
    old = [name for section in found if section.tutorial == OLD for name in section.models]
    assert sorted(old) == sorted(name for name, entry in PUBLISHED.items() if OLD in entry["published"])
    assert [s for table in TABLES for s in sections(table)] == found


def test_published_numbers_are_those_of_the_file() -> None:
    rows = records(whole())
    assert len(rows) == 51
    for row in rows:
        said = PUBLISHED[row["model"]]["published"][row["tutorial"]]
        assert row["metric_published"] == next(iter(said["metric"].values()))
        assert row["size_published_mb"] == said["size_mb"]
        for mode in ("normal", "high_performance"):
            assert row[f"{mode}_published_ms"] == said["cpu_ms"].get(mode)
    gpu = [row for row in json.loads(as_json(whole()))["rows"] if row["model"] == "PP-OCRv5_server_rec"]
    for row in gpu:
        said = PUBLISHED["PP-OCRv5_server_rec"]["published"]["3.x"]
        assert row["published"]["gpu_ms"] == said["gpu_ms"] and row["published"]["metrics"] == said["metric"]


def test_a_gpu_is_compared_with_the_published_gpu() -> None:
    from sealkit.runtime.devices import parse_device

    times = {"paddle": Timing(10.0, 1.0, 5, (48, 320))}
    name = "PP-OCRv4_mobile_rec"
    tables = whole({name: Measured(name, "text_recognition", times=times)}, Job(device=parse_device("gpu:0")))
    row = next(row for row in records(tables) if row["model"] == name)
    assert row["normal_published_ms"] == PUBLISHED[name]["published"]["3.x"]["gpu_ms"]["normal"]


# ----- what is shown -----


def measured_detector() -> dict[str, Measured]:
    name = "PP-OCRv4_mobile_seal_det"
    times = {"paddle": Timing(60.0, 50.0, 20, (736, 736), True), "onnxruntime": Timing(20.64, 20.0, 20, (736, 736))}
    row = Measured(
        name, "seal_text_detection", "here", 90.0, "Hmean (preprocess=pipeline)", "", 8, times, 5.0, False, 1, 3.5
    )
    return {name: row}


def test_a_row_shows_here_published_and_difference() -> None:
    job = Job(data={"seal_text_detection": Path("mine")})
    tables = whole(measured_detector(), job)
    row = next(row for row in records(tables) if row["model"] == "PP-OCRv4_mobile_seal_det")
    assert row["metric_difference"] == pytest.approx(90.0 - 96.36)
    assert row["normal_difference_ms"] == pytest.approx(60.0 - 50.38) and row["paddle_random"] is True
    assert row["high_performance_engine"] == "onnxruntime"
    assert row["high_performance_difference_ms"] == pytest.approx(20.64 - 19.64)
    assert row["size_difference_mb"] == pytest.approx(5.0 - 4.7)
    text = as_markdown(tables)
    assert "90.00 / 96.36 (-6.36), 8 images" in text
    assert "60.00\\* / 50.38 (+9.62)" in text and "20.64 / 19.64 (+1.00) onnxruntime" in text
    assert "not measured: stopped before / 98.4" in text  # its neighbour in the table
    assert "metrics on your sets" in text and "seal_text_detection: mine." in text and "Baidu's own sets" in text
    listed = list(csv.DictReader(io.StringIO(as_csv(tables))))
    assert len(listed) == 51 and sum(row["model"] == "PP-OCRv4_mobile_seal_det" for row in listed) == 2


def test_a_title_names_toy_sets() -> None:
    job = Job(data={"seal_text_detection": Path("datasets/toy")}, toy=frozenset({"seal_text_detection"}))
    tables = whole(measured_detector(), job)
    assert tables.title().endswith("metrics on toy sets")
    assert any("datasets/toy (toy set)" in line for line in tables.about())


def test_cer_is_not_compared_with_an_accuracy() -> None:
    row = next(row for row in records(whole()) if row["model"] == "UVDoc")
    assert row["metric_published"] == 0.179 and row["metric_difference"] is None


def test_files_hold_tables_and_plots_without_scripts(tmp_path: Path) -> None:
    made = write_all(whole(measured_detector()), tmp_path / "new")
    assert [path.name for path in made] == ["tables.md", "tables.csv", "tables.json", "tables.html"]
    html = made[-1].read_text(encoding="utf-8")
    assert "<script" not in html and html.count("<svg") == 4  # unwarping publishes no accuracy
    assert "accuracy against time" in html and ">1 PP-OCRv4_server_seal_det<" in html.replace("&#45;", "-")


# ----- one model -----


def save(graph: onnx.GraphProto, path: Path) -> None:
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9), path)


def tiny_folder(folder: Path, name: str = "tiny") -> Path:
    """A convolution of 4 kernels 3 x 3 over 3 channels."""
    folder.mkdir(parents=True)
    kernel = numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    sides = [("x", ["n", 3, "h", "w"]), ("y", ["n", 4, "h", "w"])]
    x, y = (helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in sides)
    graph = helper.make_graph([node], "g", [x], [y], [kernel])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9), folder / "inference.onnx"
    )
    (folder / "inference.yml").write_text(yaml.safe_dump({"Global": {"model_name": name}}), encoding="utf-8")
    return folder


QUICK = Plan(warm_up=1, runs=2, least=2)


def test_without_weights_the_network_is_timed_with_random_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_folder(tmp_path / "random")
    monkeypatch.setattr(measure, "_random", lambda name: folder)
    monkeypatch.setattr(measure, "weights_here", lambda name: None)
    row = measure.measure("PP-OCRv4_mobile_seal_det", Job(engine="onnxruntime", plan=QUICK))
    assert row.no_metric == "no weights" and row.metric is None and row.notes == []
    timing = row.times["onnxruntime"]
    assert timing.random and timing.runs == 2 and timing.ms > 0 and timing.size == (736, 736)
    assert row.size_random and row.size_mb == (folder / "inference.onnx").stat().st_size / 1e6
    assert row.gflops == pytest.approx(2 * 736 * 736 * 4 * 27 / 1e9)


def test_weights_that_are_here_are_timed_and_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = []

    def evaluate(recipe: object, **options: Any) -> object:
        asked.append((recipe, options))
        metric = "hmean (preprocess=official)"
        return types.SimpleNamespace(metrics={"hmean": 0.5}, records=[{}] * 7, metric=metric)

    monkeypatch.setattr(api, "evaluate", evaluate)
    folder = tiny_folder(tmp_path / "mine")
    toy = ROOT / "datasets" / "toy"
    name = "PP-OCRv4_mobile_seal_det"
    job = Job({name: folder}, {"seal_text_detection": toy}, preprocess="official", engine="onnxruntime", plan=QUICK)
    row = measure.measure(name, job)
    assert (row.metric, row.images, row.metric_name) == (50.0, 7, "Hmean (preprocess=official)")
    assert row.weights == str(folder) and not row.times["onnxruntime"].random and not row.size_random
    ((_, options),) = asked
    assert options["model_dir"] == folder and options["overrides"]["eval.preprocess"] == "official"
    assert options["overrides"]["data.val"] == [{"root": str(toy), "labels": "val.txt"}]


@pytest.mark.parametrize("step", ["time_network", "_score", "_random"])
def test_what_fails_is_said_in_the_row(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_folder(tmp_path / "mine")
    monkeypatch.setattr(measure, "_random", lambda name: folder)

    def fail(*given: object, **options: object) -> None:
        raise RuntimeError("it burns\nstack")

    monkeypatch.setattr(measure, step, fail)
    name, toy = "PP-OCRv4_mobile_seal_det", ROOT / "datasets" / "toy"
    given = {} if step == "_random" else {name: folder}
    if step == "_random":
        monkeypatch.setattr(measure, "weights_here", lambda name: None)
    row = measure.measure(name, Job(given, {"seal_text_detection": toy}, engine="onnxruntime", plan=QUICK))
    told = [row.no_metric, *row.notes]
    assert any("RuntimeError: it burns" in text for text in told) and not any("stack" in text for text in told)


def test_without_paddle_the_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "weights_here", lambda name: None)
    monkeypatch.setattr(measure, "installed", lambda engine: False)
    row = measure.measure("PP-OCRv4_mobile_rec", Job(engine="onnxruntime", plan=QUICK))
    assert row.times == {} and row.size_mb is None
    assert all("sealkit[train]" in note for note in row.notes) and len(row.notes) == 2


def test_modules_without_set_or_evaluator_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "mine")
    given = {"UVDoc": folder, "PP-OCRv4_mobile_rec": folder}
    job = Job(given, engine="none", plan=QUICK)
    assert "no evaluator" in measure.measure("UVDoc", job).no_metric
    assert "--data DIR" in measure.measure("PP-OCRv4_mobile_rec", job).no_metric


def test_all_rows_come_out_whatever_a_model_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model is asked for once, and one that fails leaves the others alone."""
    asked = []

    def one(name: str, job: Job) -> Measured:
        asked.append(name)
        return Measured(name, "text_recognition", no_metric="no weights", notes=["it burns"] * (len(asked) == 3))

    monkeypatch.setattr(command, "measure", one)
    monkeypatch.setattr(command, "with_weights_here", lambda given: {})
    printed = run_tables(ALL, output=tmp_path, json_out=True)
    rows = json.loads(printed)["rows"]
    assert len(rows) == 51 and len(asked) == len(set(asked)) == 35
    assert [row["model"] for row in rows if row["notes"]] == ["PP-DocLayout-S"]
    assert json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))["rows"] == rows


def test_what_was_measured_is_written_when_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one(name: str, job: Job) -> Measured:
        if name == "PP-OCRv4_mobile_seal_det":
            raise KeyboardInterrupt
        return Measured(name, "seal_text_detection", no_metric="no weights")

    monkeypatch.setattr(command, "measure", one)
    with pytest.raises(KeyboardInterrupt):
        run_tables("seal_det", output=tmp_path)
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert "no weights / 98.4" in text and "not measured: stopped before / 96.36" in text


@pytest.mark.skipif(os.name == "nt", reason="no SIGTERM")
def test_sigterm_ends_a_table_in_order(tmp_path: Path) -> None:
    """Also where Paddle is imported, which brings a handler of its own that would end the process at once."""
    code = f"""
import os, signal, sys
from sealkit import cli
from sealkit.bench.tables import command
from sealkit.bench.tables.measure import Measured
def one(name, job):
    if "paddle" in sys.modules and name == "PP-OCRv4_mobile_seal_det":
        os.kill(os.getpid(), signal.SIGTERM)
    return Measured(name, "seal_text_detection", no_metric="no weights")
command.measure = one
sys.exit(cli.main(["eval", "--table", "seal_det", "--output", {str(tmp_path)!r}]))
"""
    pytest.importorskip("paddle")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 143 and "stopped by SIGTERM" in done.stderr
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert "no weights / 98.4" in text and "not measured: stopped before / 96.36" in text


# ----- times and operations -----


def test_a_network_is_timed_after_its_warm_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    steps = iter([9.0, 1.0, 1.0, 3.0, 2.0, 99.0])

    class Model:
        inputs = (types.SimpleNamespace(shape=(None, 3, 32, None)),)

        def run(self, feeds: list[np.ndarray]) -> None:
            assert feeds[0].shape == (1, 3, 32, 64)
            clock[0] += next(steps)

        def close(self) -> None:
            clock.append(-1.0)

    monkeypatch.setattr(network_time, "load_model", lambda *given, **options: Model())
    fake = types.SimpleNamespace(perf_counter=lambda: clock[0], process_time=lambda: clock[0] / 2)
    monkeypatch.setattr(network_time, "time", fake)
    plan = Plan(warm_up=2, runs=3, least=3, seconds=1000)
    timing = network_time.time_network(tmp_path, "onnxruntime", CPU, 1, (48, 64), plan)
    assert (timing.ms, timing.cpu_ms, timing.runs, timing.size) == (2000.0, 1000.0, 3, (32, 64))
    assert clock[1] == -1.0


def test_operations_follow_from_shapes(tmp_path: Path) -> None:
    weights = {"k": (4, 1, 3, 3), "t": (4, 2, 2, 2), "m": (16, 5), "g": (7, 5)}
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]),  # 1x4x4x8
        helper.make_node("ConvTranspose", ["a", "t"], ["b"], strides=[2, 2]),  # 1x2x8x16
        helper.make_node("MatMul", ["b", "m"], ["c"]),  # 1x2x8x5
        helper.make_node("Reshape", ["c", "rows"], ["d"]),  # 16x5
        helper.make_node("Gemm", ["d", "g"], ["y"], transB=1),  # 16x7
    ]
    constants = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in weights.items()]
    constants.append(numpy_helper.from_array(np.array([16, 5], np.int64), "rows"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, "h", "w"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 7])
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    save(graph, tmp_path / "m.onnx")
    multiplied = 4 * 4 * 8 * 9 + 4 * 4 * 8 * 2 * 4 + 2 * 8 * 5 * 16 + 16 * 7 * 5
    parameters, found = work(tmp_path / "m.onnx", lambda inputs: [np.zeros((1, 2, 8, 16), np.float32)])
    assert parameters == sum(int(np.prod(shape)) for shape in weights.values())
    assert found == pytest.approx(2 * multiplied / 1e9)


# ----- what is refused -----


def test_arguments_that_cannot_be_used(tmp_path: Path) -> None:
    for given, said in (
        ("PP-OCRv4_mobile_rec", "not NAME=RUN_OR_FOLDER"),
        ("PP-OCRv4_mobile_rek=x", "unknown model"),
        (f"UVDoc={tmp_path / 'none'}", "no such run or folder"),
    ):
        with pytest.raises(ConfigError, match=said):
            named_models([given])
    with pytest.raises(ConfigError, match="twice"):
        named_models([f"UVDoc={tmp_path}", f"UVDoc={tmp_path}"])
    toy = str(ROOT / "datasets" / "toy")
    with pytest.raises(ConfigError, match="two sets of seal_text_detection"):
        sets_for([toy, toy])
    with pytest.raises(DataError, match="no such folder"):
        sets_for([tmp_path / "none"])
    with pytest.raises(ConfigError, match="no such row"):
        run_tables("rec", only=["UVDoc"])


def test_a_set_of_ones_own_replaces_the_toy_one_of_its_module() -> None:
    found, toy = sets_for([ROOT / "datasets" / "toy"])
    assert found["seal_text_detection"] == ROOT / "datasets" / "toy" and "seal_text_detection" not in toy
    assert "text_recognition" in toy and found["text_recognition"].name == "toy_strips"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table", "rec", "--checkpoint", "x"], "--checkpoint"),
        (["--table", "rec", "--pipeline"], "--pipeline"),
        (["--checkpoint", "x", "--only", "UVDoc"], "need --table"),
        (["--table", "recs"], "did you mean rec"),
    ],
)
def test_flags_that_do_not_go_together(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_of_the_zoo_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights are written once, and run on every engine that is installed."""
    monkeypatch.setenv("SEALKIT_MODELS_DIR", str(tmp_path / "models"))
    options: dict[str, Any] = {"only": ["PicoDet-S_layout_3cls"], "threads": 1, "runs": 2, "json_out": True}
    first = json.loads(run_tables("layout", output=tmp_path / "out", **options))
    (row, old) = first["rows"]
    assert (row["tutorial"], old["tutorial"]) == ("3.x", "3.0-beta")
    assert row["no_metric"] == "no weights" and row["notes"] is None and row["input"] == "480x480"
    assert {"paddle_ms", "onnxruntime_ms"} <= set(row) and row["paddle_random"] and row["gflops"] > 0.5
    assert 0.8 < row["size_mb"] / row["size_published_mb"] < 1.2
    folder = next((tmp_path / "models").rglob("PicoDet-S_layout_3cls"))
    written = (folder / "inference.onnx").stat().st_mtime_ns
    run_tables("layout", **options)
    assert (folder / "inference.onnx").stat().st_mtime_ns == written
