"""UVDoc: its shapes, its weights, its folder, and that it is not trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sealkit.errors import ConfigError, ExportError, ImageError, WeightsError
from sealkit.modules.image_unwarping.postprocess import postprocess, to_pixels
from sealkit.modules.image_unwarping.preprocess import preprocess


def identity_arrays() -> dict[str, np.ndarray]:
    """Weights that make the grid constant: every output pixel shows the image's middle."""
    from sealkit import zoo
    from sealkit.weights.loading import network_arrays

    arrays = network_arrays(zoo.build_network("UVDoc"))
    for name in ("out_point_positions2D.3.weight", "out_point_positions2D.3.bias"):
        arrays[name] = np.zeros_like(arrays[name])
    return arrays


def test_input_is_bgr_over_255() -> None:
    image = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(preprocess(image)[:, 0, 0], [0, 0.2, 1], atol=1e-6)
    with pytest.raises(ImageError, match="BGR image"):
        preprocess(np.zeros((3, 4), np.uint8))


def test_output_is_cut_to_whole_numbers_and_clipped() -> None:
    assert to_pixels(np.array([-0.5, 0.0039, 0.5, 0.9999, 1.0, 1.5], np.float32)).tolist() == [0, 0, 127, 254, 255, 255]
    flat = postprocess(np.zeros((3, 4, 5), np.float32))
    assert flat.shape == (4, 5, 3) and flat.flags.c_contiguous


def test_training_is_refused_with_the_reason(tmp_path: Path) -> None:
    from sealkit import api

    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\nmodule: image_unwarping\nmodel: UVDoc\nanything: else\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be trained") as caught:
        api.train(recipe)
    assert "Doc3D" in str(caught.value) and "mine.yaml:2" in str(caught.value)
    with pytest.raises(ConfigError, match="Doc3D"):
        api.load({"name": "x", "module": "doc_text_orientation", "model": "UVDoc"})


def test_other_models_are_exported_by_their_recipe(tmp_path: Path) -> None:
    from sealkit import api

    with pytest.raises(ConfigError, match="with its recipe"):
        api.export_inference_only("PP-LCNet_x1_0_doc_ori", "official", tmp_path / "out")


@pytest.mark.slow
def test_weights_become_a_folder_that_runs(tmp_path: Path) -> None:
    import sealkit
    from sealkit.export.weights_only import export_weights

    arrays = identity_arrays()
    images = [np.random.default_rng(0).integers(0, 256, (41, 33, 3)).astype(np.uint8)]
    report = export_weights(arrays, tmp_path / "uvdoc", "UVDoc", images=images)
    written = json.loads((tmp_path / "uvdoc" / "export_report.json").read_text())
    assert written["model"] == "UVDoc" == report["model"] and "259/259" in report["weights"]
    (result,) = sealkit.create_model("UVDoc", tmp_path / "uvdoc", engine="paddle").predict(images[0])
    middle = images[0][20, 16, ::-1].astype(int)  # the result is RGB
    assert result["doctr_img"].shape == (41, 33, 3)
    assert np.abs(result["doctr_img"].astype(int) - middle).max() <= 1
    # without the head that inference has no use for the weights are complete, without another layer they are not
    less = {name: value for name, value in arrays.items() if "3D" not in name}
    assert "new" in export_weights(less, tmp_path / "again", "UVDoc", images=images)["weights"]
    del less["bridge_concat.0.weight"]
    with pytest.raises(WeightsError, match="another network"):
        export_weights(less, tmp_path / "never", "UVDoc", images=images)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").touch()
    with pytest.raises(ExportError, match="other files"):
        export_weights(arrays, tmp_path / "full", "UVDoc", images=images)
    assert not (tmp_path / "never").exists()
