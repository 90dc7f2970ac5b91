"""Run folders and exported folders in a pipeline: `--det RUN` and its likes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sealkit.cli import main
from sealkit.errors import ConfigError
from sealkit.pipeline.create import create_pipeline, load_config
from sealkit.pipeline.models_of_runs import PLACES, overrides_of_runs, run_pipeline_yaml
from tests.cli.tiny_models import layout_folder, orientation_folder, recogniser_folder

DET = "SubPipelines.SealOCR.SubModules.TextDetection"


def _run(folder: Path) -> Path:
    """A run folder around an exported one."""
    (folder / "recipe.yaml").write_text("module: x\n", encoding="utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    layout_folder(tmp_path / "layout/inference")
    orientation_folder(tmp_path / "ori/inference")
    recogniser_folder(tmp_path / "rec/inference", "甲乙", 4)
    return {name: _run(tmp_path / name) for name in ("layout", "ori", "rec")}


def _settings(runs: dict[str, Any], source: str = "embedded", overrides: Any = ()) -> Any:
    return load_config(source, overrides_of_runs(source, runs, overrides)).settings


def test_stages_are_switched_on(runs: dict[str, Path]) -> None:
    settings = _settings(runs)
    assert settings.use_layout_detection and settings.SubModules.LayoutDetection.model_name == "PicoDet-S_layout_17cls"
    assert settings.SubModules.LayoutDetection.model_dir == str(runs["layout"] / "inference")
    pages = settings.SubPipelines.DocPreprocessor
    assert settings.use_doc_preprocessor and pages.use_doc_orientation_classify and not pages.use_doc_unwarping
    assert settings.ocr.TextRecognition.model_dir == str(runs["rec"] / "inference")
    assert settings.ocr.TextRecognition.weights is None
    assert settings.ocr.TextDetection == _settings({}).ocr.TextDetection


def test_an_exported_folder_and_paddleocrs_names_do_the_same(runs: dict[str, Path]) -> None:
    pipeline = create_pipeline(
        layout=runs["layout"] / "inference", doc_orientation_classify_model_dir=str(runs["ori"]), threads=1
    )
    assert {"LayoutDetection", "DocOrientationClassify"} <= set(pipeline.engines)
    assert set(PLACES) == {"det", "rec", "layout", "ori"}


def test_the_numbers_of_the_weights_come_from_the_folder_and_the_user_wins(runs: dict[str, Path]) -> None:
    given = {"SubModules.LayoutDetection.threshold": 0.3}
    source = "seal_recognition-nopp-nolayout"
    assert _settings({"layout": runs["layout"]}, source).SubModules.LayoutDetection.threshold is None
    for overrides in (given, ["SubModules.LayoutDetection.threshold=0.3"]):
        assert _settings({"layout": runs["layout"]}, source, overrides).SubModules.LayoutDetection.threshold == 0.3


def test_a_model_in_the_wrong_place(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model of layout_detection, not of seal_text_detection") as caught:
        _settings({"det": runs["layout"]})
    assert f"--layout {runs['layout'] / 'inference'}" in str(caught.value)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConfigError, match="the run has no export"):
        _settings({"det": _run(tmp_path / "bare")})


def test_the_command_takes_them(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    assert main(["infer", str(tmp_path / "images"), "--det", str(runs["rec"])]) == 2
    assert "not of seal_text_detection" in capsys.readouterr().err
    assert main(["infer", "x.png", "--model", "PP-OCRv6_small_rec", "--det", str(runs["rec"])]) == 2
    assert "--det" in capsys.readouterr().err


def test_a_config_that_stands_on_its_own(runs: dict[str, Path], tmp_path: Path) -> None:
    text = run_pipeline_yaml(runs["layout"], "layout")
    (tmp_path / "pipeline.yaml").write_text(text, encoding="utf-8")
    settings = load_config(tmp_path / "pipeline.yaml").settings
    assert settings == _settings({"layout": runs["layout"].resolve()})
    assert Path(yaml.safe_load(text)["SubModules"]["LayoutDetection"]["model_dir"]).is_absolute()
