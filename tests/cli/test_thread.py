"""The thread from a recipe to an exported model, through the commands themselves."""

import json
from pathlib import Path

import pytest

from sealkit import api
from sealkit.cli import main
from sealkit.errors import ConfigError
from tests.cli.conftest import CommandLine

SMALL = [
    "augment=[{op: fit, size: [96, 96]}]", "optimizer.lr=1e-3", "schedule.warmup_epochs=0",
    "train.batch_size=2", "train.max_steps=2", "train.num_workers=0", "eval.batch_size=2", "resize.limit_side_len=96",
    "train.visualdl=false", "postprocess.thresh=0.1", "postprocess.box_thresh=0.1",
    "weights.init=rapidocr", "weights.allow_partial=true",  # the shipped detector rightly finds no seal in these bars
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    code = main(
        [
            *["train", "-c", "seal_det_cpu_small", "--output", str(folder), "--no-progress"],
            *["-o", *SMALL, f"data.train.0.root={tiny_set}", f"data.val.0.root={tiny_set}"],
        ]
    )
    assert code == 0
    return folder


def test_a_run_folder_explains_itself(run: Path) -> None:
    for name in ("recipe.yaml", "environment.json", "metrics.jsonl", "summary.json", "report.html", "data.json"):
        assert (run / name).stat().st_size > 0
    for name in ("inference.json", "inference.pdiparams", "inference.yml", "inference.onnx", "export_report.json"):
        assert (run / "inference" / name).stat().st_size > 0
    recipe = (run / "recipe.yaml").read_text(encoding="utf-8")
    assert "# -o train.batch_size=2" in recipe and "seal_det_cpu_small.yaml" in recipe
    assert "Resolved from" in recipe
    assert api.load(run).settings.train.batch_size == 2


def test_not_over_a_run_that_is_there(sealkit: CommandLine, run: Path) -> None:
    code, _, err = sealkit("train", "-c", run / "recipe.yaml")
    assert code == 5
    assert "the output folder is not empty" in err and "--resume" in err and "--overwrite" in err


def test_checkpoint_and_exported_folder_have_the_same_metrics(sealkit: CommandLine, run: Path, tmp_path: Path) -> None:
    _, out, _ = sealkit("eval", "--checkpoint", run, "--json", "--no-progress")
    trained = json.loads(out)
    assert trained["main"] == "hmean" and trained["metric"] == "hmean (preprocess=pipeline)" and trained["images"] == 2
    # the number that was trained: the evaluation that chose the best checkpoint, EMA and all
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    best = json.loads((run / "summary.json").read_text(encoding="utf-8"))["best"]["step"]
    (chosen,) = [row for row in rows if row["kind"] == "eval" and row["step"] == best]
    assert trained["metrics"] == pytest.approx({name: chosen[name] for name in trained["metrics"]}, abs=1e-6)
    assert trained["metrics"]["pred"] > 0  # metrics of nothing would agree too
    for engine in ("onnxruntime", "paddle"):
        _, out, _ = sealkit("eval", "--model-dir", run / "inference", "--engine", engine, "--json", "--no-progress")
        assert json.loads(out)["metrics"] == pytest.approx(trained["metrics"], abs=1e-6)
    _, out, _ = sealkit(
        "eval", "-c", run, "--checkpoint", run / "checkpoints" / "latest", "--report", tmp_path / "r.html"
    )
    assert "metric: hmean (preprocess=pipeline)" in out and "precision" in out and "weights: " in out
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert html.index("deciding metric hmean (preprocess=pipeline)") < html.index("texts were found (recall ")
    assert "<table>" not in html[: html.index("<details>")], "a sentence and images come first"


def test_export_by_hand(sealkit: CommandLine, run: Path, tmp_path: Path) -> None:
    code, out, _ = sealkit("export", run, "--output", tmp_path / "model", "--no-onnx", "--images", "1")
    assert code == 0
    assert "agree on 1 images" in out and "largest difference" in out
    assert not (tmp_path / "model" / "inference.onnx").exists()


def test_a_checkpoint_of_another_recipe(run: Path) -> None:
    with pytest.raises(ConfigError, match="the checkpoint does not match this recipe: model") as caught:
        api.evaluate("seal_det_mobile", checkpoint=run)
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match="the folder is a PP-OCRv6_small_det, the recipe trains a"):
        api.evaluate("seal_det_mobile", model_dir=run / "inference")


def test_the_exported_model_predicts(run: Path, tiny_set: Path) -> None:
    import sealkit

    model = sealkit.create_model("PP-OCRv6_small_det", run / "inference", engine="onnxruntime", limit_side_len=96)
    (result,) = list(model.predict(str(tiny_set / "0.png")))
    assert "dt_polys" in result
