"""report.html from the files of a run folder alone."""

import json
from pathlib import Path

import pytest

from sealkit.errors import TrainingError
from sealkit.reports.run import write_run_report


def _run_folder(folder: Path) -> Path:
    folder.mkdir()
    records = [{"kind": "eval", "step": 0, "epoch": 0.0, "hmean": 0.25, "recall/shape=oval": 0.5, "gt": 19.0}]
    records += [
        {"kind": "train", "step": s, "epoch": s / 4, "loss": 9.0 / s, "loss/a": 1.0 / s, "lr": 1e-3} for s in (1, 2, 3)
    ]
    records += [{"kind": "eval", "step": 3, "epoch": 0.75, "hmean": 0.75, "recall/shape=oval": 0.6, "gt": 19.0}]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, records)))
    summary = {
        "step": 3, "epoch": 0.75, "stopped": "done", "best": {"hmean": 0.75, "step": 3},
        "baseline": {"hmean": 0.25, "gt": 19.0}, "last": {"hmean": 0.75, "gt": 19.0},
        "warnings": ["weights look unused"],
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "recipe.yaml").write_text("name: toy  # from recipe.yaml:1\n")
    (folder / "weights_report.json").write_text(json.dumps({"source": "rapidocr", "loaded": 168}))
    return folder


def test_report_shows_gain_curves_warnings_and_recipe(tmp_path: Path) -> None:
    path = write_run_report(_run_folder(tmp_path / "run"), [{"title": "Worst images", "text": "none"}])
    html = path.read_text(encoding="utf-8")
    assert "Better than the initial weights: best hmean 0.7500 at step 3, 0.2500 before (+0.5000)" in html
    assert html.index("Worst images") < html.index("<svg") < html.index("<details>"), "verdict, images, curves, details"
    assert html.index("<h2>Result") < html.index("<h2>Worst images")
    assert "<table>" not in html[: html.index("<details>")], "tables are folded"
    assert ">19<" in html and "19.0000" not in html, "counts are whole numbers"
    assert html.count("<svg") == 3
    for text in ("weights look unused", "from recipe.yaml:1", "rapidocr", "Worst images", "loss/a"):
        assert text in html, text


def test_folder_without_metrics_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a run folder"):
        write_run_report(tmp_path)
