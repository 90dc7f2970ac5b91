"""From names and settings to running objects; what is wrong is named before anything runs."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealkit.download.places import MODELS_VARIABLE, PADDLEX_VARIABLE
from sealkit.errors import ConfigError, EngineError
from sealkit.modules.table import module_of
from sealkit.pipeline.create import create_model, create_pipeline, load_config
from sealkit.pipeline.locate import locate_model
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import EngineSettings
from sealkit.pipeline.speed import engine_of
from tests.pipeline.conftest import in_process

WHEEL = {"SubPipelines.SealOCR.SubModules.TextDetection.weights": "rapidocr"}
DET, REC = (f"SubPipelines.SealOCR.SubModules.Text{name}" for name in ("Detection", "Recognition"))


@pytest.fixture(scope="module")
def rapidocr() -> Path:
    return locate_model("PP-OCRv6_small_det", weights="rapidocr").path  # the extra `embedded` brings it


def test_reads_without_paddle(rapidocr: Path, tmp_path: Path) -> None:
    """Where paddle is not installed: an import of it would fail."""
    code = f"""
        import sys
        sys.modules["paddle"] = None
        import cv2, numpy as np
        import sealkit
        page = np.full((200, 400, 3), 255, np.uint8)
        cv2.putText(page, "SEAL 123456", (30, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 200), 4)
        pipeline = sealkit.create_pipeline(engine="onnxruntime", overrides={WHEEL!r})
        (result,) = pipeline.predict(page)
        result.save_all({str(tmp_path)!r})
        assert "123456" in "".join(result.texts), result.texts
        assert sys.modules["paddle"] is None and "rapidocr" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) >= 2


def test_engines_per_level(rapidocr: Path) -> None:
    changes = {**WHEEL, "engine": "onnxruntime"}
    pipeline = create_pipeline(overrides=changes, device="cpu", threads=1)
    assert pipeline.engines["TextDetection"] == "onnxruntime (cpu, 1 thread)"
    with pytest.raises(EngineError, match="unknown engine"):  # the module's own engine wins over the call's
        create_pipeline(overrides={**WHEEL, f"{DET}.engine": "abacus"}, engine="onnxruntime", device="cpu")
    with pytest.raises(EngineError, match="unknown engine"):
        create_pipeline(overrides=changes | {"engine": "auto"}, engine="abacus")
    backend = create_pipeline(overrides=WHEEL, hpi_config={"backend": "onnxruntime"}, device="cpu")
    assert backend.engines["TextRecognition"].startswith("onnxruntime")


def test_wrong_models_are_named_before_anything_runs(rapidocr: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="model folder of PP-OCRv6_small_det does not exist"):
        create_pipeline(overrides={f"{DET}.model_dir": str(tmp_path / "none")})
    with pytest.raises(EngineError, match=r"missing: inference\.yml"):
        create_pipeline(overrides={f"{DET}.model_dir": str(tmp_path)})
    detector = str(rapidocr)
    with pytest.raises(Exception, match=r"no character list|not a text recogniser"):
        create_pipeline(overrides={**WHEEL, f"{REC}.model_dir": detector, f"{REC}.weights": None})
    keys = tmp_path / "keys.txt"
    keys.write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(Exception, match="has 18710 classes but charset keys needs 4"):
        create_pipeline(overrides={**WHEEL, f"{REC}.charset": str(keys)})


def test_models_that_are_not_there_are_named_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    with pytest.raises(EngineError, match=r"4 models of this config cannot be used") as caught:
        create_pipeline("seal_recognition")
    said = str(caught.value)
    names = ("UVDoc", "PP-DocLayout-L", "PP-OCRv4_server_seal_det", "PP-OCRv4_server_rec")
    for name in names:
        assert f"no folder {name}_infer in {tmp_path}" in said and f"`sealkit download {name}`" in said
    assert f"sealkit download {' '.join(names)}`" in said.rpartition("next: ")[2]


def test_wrong_configs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"thresold(.|\n)*did you mean"):
        create_pipeline("seal_recognition", overrides={"SubModules.LayoutDetection.thresold": 0.5})
    with pytest.raises(ConfigError, match="embeded"):
        create_pipeline("embeded")
    with pytest.raises(ConfigError, match="set Search: null, Refine: null, Reading: null, Lines: null"):
        create_pipeline(overrides={"reading": "reference"})


def test_the_beta_is_told_the_form_of_today() -> None:
    old = {
        "Global": {"pipeline_name": "seal_recognition"},
        "Pipeline": {
            "layout_model": "RT-DETR-H_layout_3cls",
            "text_det_model": "./my_det/inference",
            "text_rec_model": "PP-OCRv4_server_rec",
            "text_rec_batch_size": 4,
            "device": "gpu:0",
        },
    }
    with pytest.raises(ConfigError, match=r"3\.0-beta") as caught:
        create_pipeline(old)
    lines = [line[8:] for line in str(caught.value).splitlines() if line.startswith("        ")]
    new = yaml.safe_load("\n".join(lines))
    assert new["SubModules"]["LayoutDetection"]["model_name"] == "RT-DETR-H_layout_3cls"
    inner = new["SubPipelines"]["SealOCR"]["SubModules"]
    assert inner["TextDetection"] == {"model_dir": "./my_det/inference"}
    assert inner["TextRecognition"] == {"model_name": "PP-OCRv4_server_rec", "batch_size": 4}
    assert "--device gpu:0" in str(caught.value)
    with pytest.raises(ConfigError, match="write hpi_config"):
        create_pipeline(hpi_params={})
    with pytest.raises(TypeError, match="did you mean device"):
        create_pipeline(devise="cpu")
    with pytest.raises(TypeError, match="did you mean at_once"):
        create_pipeline(at_onse=2)


def beta(**changes: object) -> dict[str, Any]:
    section: dict[str, Any] = {"layout_model": "RT-DETR-H_layout_3cls", "text_det_model": "PP-OCRv4_server_seal_det"}
    section |= {"text_rec_model": "PP-OCRv4_mobile_rec", "layout_batch_size": 1, "text_rec_batch_size": 4}
    return {"Global": {"pipeline_name": "seal_recognition", "input": "x.png"}, "Pipeline": section | changes}


@pytest.mark.parametrize("way", ["override", "mapping of overrides", "key", "file"])
def test_the_beta_is_read_where_asked_for(way: str, tmp_path: Path) -> None:
    source: Any = beta()
    overrides: Any = ["beta=true"]
    if way == "mapping of overrides":
        overrides = {"beta": True}
    elif way != "override":
        source, overrides = source | {"beta": True}, ()
    if way == "file":
        (tmp_path / "old.yaml").write_text(yaml.safe_dump(source), encoding="utf-8")
        source = tmp_path / "old.yaml"
    read = load_config(source, overrides).settings
    assert read.beta and read.use_layout_detection and not read.use_doc_preprocessor
    assert read.SubModules.LayoutDetection.model_name == "RT-DETR-H_layout_3cls"
    assert read.ocr.TextDetection.model_name == "PP-OCRv4_server_seal_det"
    assert (read.ocr.TextRecognition.model_name, read.ocr.TextRecognition.batch_size) == ("PP-OCRv4_mobile_rec", 4)
    assert not load_config("seal_recognition").settings.beta


def test_folders_and_pages_of_the_beta(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "det" / "inference"
    folder.mkdir(parents=True)
    (folder / "inference.yml").write_text("Global: {model_name: PP-OCRv4_mobile_seal_det}\n", encoding="utf-8")
    for name in ("inference.json", "inference.pdiparams"):
        (folder / name).touch()
    old = beta(text_det_model=str(folder), doc_image_ori_cls_model="PP-LCNet_x1_0_doc_ori", device="gpu:0")
    read = load_config(old, ["beta=true", "SubModules.LayoutDetection.threshold=0.4"]).settings
    assert read.ocr.TextDetection.model_dir == str(folder)
    assert read.ocr.TextDetection.model_name == "PP-OCRv4_mobile_seal_det"
    pages = read.SubPipelines.DocPreprocessor
    assert read.use_doc_preprocessor and pages.use_doc_orientation_classify and not pages.use_doc_unwarping
    assert read.SubModules.LayoutDetection.threshold == 0.4
    assert "--device gpu:0" in caplog.text


def test_what_cannot_be_read_of_the_beta() -> None:
    with pytest.raises(ConfigError, match="no counterpart") as caught:
        load_config(beta(text_sort="x"), ["beta=true"])
    assert caught.value.value == ["text_sort"]
    other = beta()
    other["Global"]["pipeline_name"] = "OCR"
    with pytest.raises(ConfigError, match="another pipeline"):
        load_config(other, ["beta=true"])
    with pytest.raises(ConfigError, match="-o beta=true reads it"):
        load_config(beta(), ["beta=false"])


def test_options_per_engine(rapidocr: Path) -> None:
    def created(config: dict[str, Any] | None) -> SealRecognitionPipeline:
        return in_process(overrides=WHEEL, engine="onnxruntime", engine_config=config, threads=1)

    created({"onnxruntime": {"graph_optimization_level": "basic"}, "paddle": {"run_mode": "paddle"}})
    with pytest.raises(EngineError, match="unknown value"):
        created({"onnxruntime": {"graph_optimization_level": "most"}})
    with pytest.raises(ConfigError, match="mixes names of engines with options"):
        created({"onnxruntime": {}, "run_mode": "paddle"})
    assert engine_of((EngineSettings(engine="hpi"),)) == ("auto", None)


def test_create_model(rapidocr: Path) -> None:
    import numpy as np

    recogniser = create_model("PP-OCRv6_small_rec", engine="onnxruntime", device="cpu")
    results = list(recogniser.predict([np.full((48, 200, 3), 255, np.uint8), "nowhere.png"], batch_size=2))
    assert results[0]["rec_text"] == "" and list(results[0]) == [
        "input_path",
        "page_index",
        "input_img",
        "rec_text",
        "rec_score",
    ]
    assert not results[1].ok and "nowhere.png" in results[1]["error"]
    detector = create_model("PP-OCRv6_small_det", weights="rapidocr", engine="onnxruntime", limit_side_len=64)
    (found,) = detector.predict(np.full((64, 64, 3), 255, np.uint8), thresh=0.3)
    assert found["dt_polys"] == [] and found.json["res"] == {
        "input_path": None, "page_index": None, "dt_polys": [], "dt_scores": [],
    }  # fmt: skip
    with pytest.raises(TypeError, match="treshold"):
        next(detector.predict(np.zeros((64, 64, 3), np.uint8), treshold=1))


def _write_folder(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("inference.yml", "inference.onnx"):
        (folder / name).write_bytes(b"")


def test_where_models_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    _write_folder(tmp_path / "PP-OCRv4_mobile_rec_infer")
    assert locate_model("PP-OCRv4_mobile_rec").path == tmp_path / "PP-OCRv4_mobile_rec_infer"
    with pytest.raises(EngineError, match=r"sealkit: not shipped; rapidocr: .*; official: no folder PP-X_det_infer in"):
        locate_model("PP-X_det")
    with pytest.raises(ConfigError, match="unknown weights tag"):
        locate_model("PP-X_det", weights="offical")
    assert module_of("PP-OCRv4_mobile_seal_det") == "seal_text_detection"
    assert module_of("ch_SVTRv2_rec") == module_of("PP-OCRv4_server_rec_doc") == "text_recognition"
    assert module_of("PP-LCNet_x1_0_doc_ori") == "doc_text_orientation" and module_of("UVDoc") == "image_unwarping"
    assert module_of("PicoDet-S_layout_3cls") == module_of("PP-DocLayout-L") == "layout_detection"
    with pytest.raises(ConfigError, match="PP-TableMagic"):
        module_of("PP-TableMagic")
    monkeypatch.setenv(PADDLEX_VARIABLE, str(tmp_path / "px"))
    _write_folder(tmp_path / "px" / "official_models" / "UVDoc")
    assert locate_model("UVDoc").path == tmp_path / "px" / "official_models" / "UVDoc"
