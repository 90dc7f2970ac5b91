"""PaddleX's classifiers of text lines: networks, folders, and what `create_model` makes of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import paddle
import pytest
import yaml

from sealkit import api, zoo
from sealkit.errors import EngineError
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.modules.table import module_of
from sealkit.modules.textline_orientation.models import LABELS, MODELS
from sealkit.modules.textline_orientation.predictor import TextLineClassifier, line_input
from sealkit.modules.textline_orientation.preprocess import preprocess
from sealkit.pipeline.check_folder import module_said
from sealkit.runtime.files import ModelFiles, ModelMeta

SMALL = "PP-LCNet_x0_25_textline_ori"


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_the_size_published(name: str) -> None:
    """Float32 of the fused network has the published size of the inference model (MiB for x1.0)."""
    spec = zoo.get(name)
    net = spec.build()
    named = [(key, int(np.prod(one.shape))) for key, one in net.named_parameters()]
    assert sum(size for key, size in named if not key.endswith(("._mean", "._variance"))) == spec.params
    fused = spec.build(form="fused")
    mega = 4e-6 * sum(int(np.prod(one.shape)) for one in fused.state_dict().values())
    assert mega == pytest.approx(spec.size_mb, rel=0.03)


def test_only_the_height_is_halved() -> None:
    net = zoo.build_network(SMALL)
    net.eval()
    with paddle.no_grad():
        maps = super(type(net), net).forward(paddle.zeros([1, 3, 80, 160]))
    assert tuple(maps[0].shape[2:]) == (3, 80)  # strides 2, then (2, 1) four times


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as PaddleX publishes them, exported by the recipe."""
    paddle.seed(0)
    made = tmp_path_factory.mktemp("weights")
    paddle.save(zoo.build_network(SMALL).state_dict(), str(made / "line.pdparams"))
    report = api.export_model(
        "textline_ori", checkpoint=made / "line.pdparams", output=made / "folder", overrides={"model": SMALL}, images=4
    )
    assert (report["module"], report["model"]) == ("textline_orientation", SMALL)
    return made / "folder"


def test_a_folder_is_exported_and_read(folder: Path, tmp_path: Path) -> None:
    meta = ModelFiles.find(folder).read_meta()
    assert line_input(meta)[:2] == ((160, 80), LABELS)
    assert TextLineClassifier.wrote(meta) and not OrientationClassifier.wrote(meta)
    assert module_of(SMALL) == "textline_orientation" == module_said(meta)
    line = np.random.default_rng(0).integers(0, 255, (40, 300, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "line.png"), line)
    model = api.create_model(SMALL, folder, engine="paddle", threads=1)
    (result,) = model.predict(str(tmp_path / "line.png"), topk=2)
    assert sorted(result["label_names"]) == sorted(LABELS) and result["scores"].sum() == pytest.approx(1, abs=1e-4)
    assert model.angle(line) == {"0_degree": 0, "180_degree": 180}[result["label_names"][0]]
    with pytest.raises(EngineError, match="orientation"):
        api.create_model("PP-LCNet_x1_0_doc_ori", folder)


def test_input_is_stretched_and_normalised() -> None:
    line = np.zeros((10, 100, 3), np.uint8)
    line[:, :, 2] = 255  # red
    made = preprocess(line)
    assert made.shape == (3, 80, 160) and made.dtype == np.float32
    np.testing.assert_allclose(made[0], (1 - 0.485) / 0.229, rtol=1e-5)
    np.testing.assert_allclose(made[2], -0.406 / 0.225, rtol=1e-5)


def test_another_modules_folder_is_refused() -> None:
    spec = {"PreProcess": {"transform_ops": [{"ResizeImage": {"resize_short": 256}}, {"CropImage": {"size": 224}}]}}
    with pytest.raises(EngineError, match="not a text line classifier's folder"):
        line_input(ModelMeta.parse(yaml.safe_dump(spec), "inference.yml"))
