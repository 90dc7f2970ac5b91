"""The same folders and configs in sealkit and in paddlex 3.7.2; `make test-paddlex` makes its environment and runs it.

paddlex pins another OpenCV, so it lives in an environment of its own; SEALKIT_PADDLEX_PYTHON names its interpreter.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

import sealkit
from sealkit.bench.paddlex_side import differences, run, write_configs
from sealkit.pipeline.locate import locate_model
from sealkit.runtime.onnx_fields import onnx_metadata

pytestmark = pytest.mark.paddlex
ROOT = Path(__file__).parents[2]
TOY = ROOT / "datasets" / "toy"
PAGES = 20
UNEQUAL = 0.01
"""Share of images that may differ. Measured: none of 40."""
STRIPS = 2000
DET, REC = (f"SubPipelines.SealOCR.SubModules.Text{name}" for name in ("Detection", "Recognition"))
MODEL = "PP-OCRv6_small_det"
RECOGNISER = "PP-OCRv6_small_rec"

OUTLINES = """
import json, sys
from paddlex import create_model
model = create_model(sys.argv[1], model_dir=sys.argv[2], device="cpu", limit_side_len=288, limit_type="max")
for path in sys.argv[3:]:
    (result,) = model.predict(path)
    print("RESULT" + json.dumps([[list(map(int, p)) for p in polygon] for polygon in result["dt_polys"]]))
"""


@pytest.fixture(scope="session")
def images() -> list[str]:
    """Toy images of all shapes."""
    return [str(path) for path in sorted((TOY / "images").iterdir())[:20]]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Sheets with three seals each, anywhere and of any size from specks on."""
    folder, rng = tmp_path_factory.mktemp("pages"), np.random.default_rng(0)
    seals = [cv2.imread(str(path)) for path in sorted((TOY / "images").iterdir())]
    for number in range(PAGES):
        page = np.full((1000, 760, 3), 255, np.uint8)
        for top in (0, 330, 660):
            side = int(rng.integers(40, 320))
            x, y = int(rng.integers(0, 760 - side)), top + int(rng.integers(0, 340 - side))
            page[y : y + side, x : x + side] = cv2.resize(seals[int(rng.integers(len(seals)))], (side, side))
        cv2.imwrite(str(folder / f"{number:02d}.png"), page)
    return [str(path) for path in sorted(folder.iterdir())]


def folder_of(onnx: Path, folder: Path, model_name: str, **sections: Any) -> str:
    """A model folder of one ONNX file: what a user of paddlex's ONNX engine has."""
    folder.mkdir(parents=True)
    shutil.copy(onnx, folder / "inference.onnx")
    text = yaml.safe_dump({"Global": {"model_name": model_name}, **sections}, allow_unicode=True, sort_keys=False)
    (folder / "inference.yml").write_text(text, encoding="utf-8")
    return str(folder)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Detector and recogniser as folders both libraries run on ONNX Runtime."""
    root = tmp_path_factory.mktemp("models")
    detector = locate_model(MODEL, weights="sealkit").path
    recogniser = locate_model(RECOGNISER, weights="rapidocr").path
    said = yaml.safe_load(onnx_metadata(detector)["inference_yml"])
    det = folder_of(detector, root / "det", MODEL, PreProcess=said["PreProcess"], PostProcess=said["PostProcess"])
    characters = onnx_metadata(recogniser)["character"].split("\n")
    if characters[0] == "blank":
        characters = characters[1:]
    if characters[-1] == " ":
        characters = characters[:-1]
    rec = folder_of(
        recogniser, root / "rec", RECOGNISER,
        PreProcess={"transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        ]},
        PostProcess={"name": "CTCLabelDecode", "character_dict": characters},
    )  # fmt: skip
    return {
        f"{DET}.model_name": MODEL, f"{DET}.model_dir": det, f"{REC}.model_name": RECOGNISER, f"{REC}.model_dir": rec,
    }  # fmt: skip


def test_an_exported_detector_runs_unchanged(paddlex_python: str, tmp_path: Path, images: list[str]) -> None:
    """Training's export, Paddle engine on both sides: outlines to the pixel."""
    folder = tmp_path / "inference"
    options = {"network.form": "fused", "network.fields": True}
    sealkit.export_model(
        "seal_det_v6_small", checkpoint="sealkit", output=folder, overrides=options, onnx=False, images=2
    )
    done = subprocess.run(
        [paddlex_python, "-c", OUTLINES, MODEL, str(folder), *images[:6]],
        capture_output=True, text=True, env={**os.environ, "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("RESULT")]
    said = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))["PostProcess"]
    model = sealkit.create_model(
        MODEL, folder, engine="paddle", device="cpu", rings="reference", limit_side_len=288, limit_type="max",
        **{key: said[key] for key in ("thresh", "box_thresh", "unclip_ratio")},
    )  # fmt: skip
    ours = [[polygon.tolist() for polygon in result["dt_polys"]] for result in model.predict(images[:6])]
    assert len(theirs) == 6 and sum(map(len, theirs)) >= 6
    for image, mine, other in zip(images, ours, theirs):
        mine, other = sorted(mine), sorted(other)  # the module alone does not sort in paddlex
        assert [len(p) for p in mine] == [len(p) for p in other], image
        for a, b in zip(mine, other):
            assert np.abs(np.array(a) - np.array(b)).max() <= 1, image


def test_strips_are_equal_to_the_last_bit(paddlex_python: str) -> None:
    """On one OpenCV, whatever the outline: widths of quads are cut off to whole pixels, so nothing less will do."""
    done = subprocess.run(
        [paddlex_python, str(Path(__file__).with_name("strips_side.py")), str(STRIPS)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (said,) = (json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("RESULT"))
    assert said["strips"] == STRIPS and said["curved"] > STRIPS / 2
    assert said["unequal"] == []


def test_the_pipeline_gives_the_same_results(
    paddlex_python: str, tmp_path: Path, images: list[str], folders: dict[str, str], pages: list[str]
) -> None:
    """Both in one environment: OpenCV 5 warps a few pixels a grey level off from the 4.10 that paddlex pins."""
    ours, theirs = write_configs(tmp_path, "seal_recognition-nopp-nolayout-lightweight", folders, threads=1)
    inputs = [*images, *pages]
    mine = run(paddlex_python, "sealkit", ours, inputs, 1, 1)
    other = run(paddlex_python, "paddlex", theirs, inputs, 1, 1)
    unequal = {}
    for image in inputs:
        (a,), (b,) = mine.results[image], other.results[image]
        assert list(a) == list(b) and [list(s) for s in a["seal_res_list"]] == [list(s) for s in b["seal_res_list"]]
        found = differences(a, b)
        if found:
            unequal[image] = found
    assert sum(len(r[0]["seal_res_list"][0]["rec_texts"]) for r in mine.results.values()) >= len(inputs)
    assert len(unequal) <= UNEQUAL * len(inputs), unequal
