"""PaddleOCR 3.7's own classes load and run folders as sealkit writes them; `make test-paddlex` installs it."""

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

import sealkit
from sealkit.bench.random_models import write_stand_in

pytestmark = pytest.mark.paddlex
DET, REC = "PP-OCRv4_mobile_seal_det", "PP-OCRv4_mobile_rec"
CLASSES = {
    DET: "SealTextDetection",
    REC: "TextRecognition",
    "PP-LCNet_x1_0_doc_ori": "DocImgOrientationClassification",
    "PicoDet-S_layout_3cls": "LayoutDetection",
    "UVDoc": "TextImageUnwarping",
}
"""Model → class of paddleocr."""
SCRIPT = """
import json, sys
import numpy as np
import paddleocr
root, image, out, classes = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
found = {}
for model, name in classes.items():
    ours = getattr(paddleocr, name)(model_name=model, model_dir=f"{root}/{model}", device="cpu")
    found[model] = sorted(key for key in ours.predict(image)[0].keys())
det, rec = list(classes)[:2]
pipeline = paddleocr.SealRecognition(
    seal_text_detection_model_name=det, seal_text_detection_model_dir=f"{root}/{det}",
    text_recognition_model_name=rec, text_recognition_model_dir=f"{root}/{rec}", device="cpu",
    use_doc_orientation_classify=False, use_doc_unwarping=False, use_layout_detection=False,
)
(seal,) = pipeline.predict(image)[0]["seal_res_list"]
found["polygons"] = [np.asarray(polygon).tolist() for polygon in seal["dt_polys"]]
found["texts"] = list(seal["rec_texts"])
with open(out, "w") as file:
    json.dump(found, file)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official networks with drawn weights; the detector's rule marks what is dark."""
    root = tmp_path_factory.mktemp("ours")
    for model in CLASSES:
        write_stand_in(model, root / model)
    return root


def test_single_modules_and_the_seal_pipeline(paddlex_python: str, folders: Path, tmp_path: Path) -> None:
    image = np.full((400, 500, 3), 255, np.uint8)
    cv2.rectangle(image, (60, 80), (430, 120), (0, 0, 0), -1)
    cv2.rectangle(image, (90, 240), (400, 290), (0, 0, 0), -1)
    cv2.imwrite(str(tmp_path / "page.png"), image)
    out = tmp_path / "theirs.json"
    done = subprocess.run(
        [paddlex_python, "-c", SCRIPT, str(folders), str(tmp_path / "page.png"), str(out), json.dumps(CLASSES)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "1", "PADDLE_PDX_CACHE_HOME": str(tmp_path / "px")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = json.loads(out.read_text())
    for model, field in zip(CLASSES, ("dt_polys", "rec_text", "label_names", "boxes", "doctr_img")):
        assert field in theirs[model], model
    overrides = {
        "SubPipelines.SealOCR.SubModules.TextDetection.model_dir": str(folders / DET),
        "SubPipelines.SealOCR.SubModules.TextRecognition.model_dir": str(folders / REC),
        "SubPipelines.SealOCR.SubModules.TextRecognition.model_name": REC,
        "reading": "reference",
    }
    config = "seal_recognition-nopp-nolayout-lightweight"
    (mine,) = sealkit.create_pipeline(config, engine="paddle", device="cpu", overrides=overrides).predict(image)
    (seal,) = mine["seal_res_list"]
    assert len(theirs["polygons"]) == len(seal["dt_polys"]) == 2
    for one, other in zip(theirs["polygons"], seal["dt_polys"]):
        low, high = np.min(one, axis=0) - np.min(other, axis=0), np.max(one, axis=0) - np.max(other, axis=0)
        assert max(np.abs(low).max(), np.abs(high).max()) <= 2  # another OpenCV moves an outline by a pixel
    assert len(theirs["texts"]) == len(seal["rec_texts"])
