"""Test-time augmentation: maps of turned views are turned back, directions with them, and averaged."""

from pathlib import Path

import numpy as np
import pytest

import sealkit
from sealkit.config.load import load_settings
from sealkit.errors import ConfigError, EngineError
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.predictor import average_views, turned_back
from sealkit.modules.seal_text_detection.preprocess import ResizeInfo
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from sealkit.pipeline.settings import SealRecognitionSettings
from tests.pipeline.conftest import in_process

RIGHT, UP, LEFT, DOWN = (1, 0), (0, -1), (-1, 0), (0, 1)


def _view(turn: int) -> np.ndarray:
    """What a perfect detector says of a 4 x 6 image turned counter-clockwise: text in one corner, up to its right."""
    probability = np.zeros((4, 6), np.float32)
    probability[0, 5] = 0.9
    maps = np.stack([probability, np.zeros((4, 6)), np.zeros((4, 6)), probability])
    maps = np.rot90(maps, turn, (1, 2)).astype(np.float32).copy()
    maps[1:3] = np.array((RIGHT, UP, LEFT, DOWN)[turn], np.float32)[:, None, None]
    return maps


def test_the_mean_of_perfect_looks_is_the_view() -> None:
    found = average_views([turned_back(_view(turn), turn) for turn in range(4)])
    np.testing.assert_allclose(found, _view(0), atol=1e-6)
    assert found.dtype == np.float32


def test_views_that_disagree_are_averaged() -> None:
    one, other = _view(0), _view(2)
    other[0] = 0.0  # upside down it is not seen as text
    other[1:3] = np.array(UP, np.float32)[:, None, None]  # turned back: down
    found = average_views([one, turned_back(other, 2)])
    assert found[0, 0, 5] == pytest.approx(0.45)
    np.testing.assert_allclose(found[1:3, 0, 0], np.array([1, 1]) / np.sqrt(2), atol=1e-6)
    plain = average_views([one[:1], turned_back(other[:1], 2)])  # a detector without further channels
    np.testing.assert_allclose(plain, found[:1])


def test_the_network_runs_once_per_view(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = in_process(threads=2, at_once=1).detector
    shapes, run = [], detector.model.run
    monkeypatch.setattr(detector.model, "run", lambda x: (shapes.append(x.shape), run(x))[1])
    seal = read_image(Path(sealkit.__file__).parent / "assets" / "example_seal.png")
    crop = np.pad(seal, ((0, 64), (0, 0), (0, 0)), mode="edge")  # oblong, and the seal is whole
    size = DetResizeSettings(limit_side_len=352, limit_type="resize_long")  # what the detector was trained on
    found = {views: detector.detect_tta(crop, size, views) for views in (1, 2, 4)}
    assert [len(each.views) for each in found.values()] == [1, 2, 4]
    h, w = found[1].merged.maps.shape[1:]
    assert h != w
    assert [shape[2:] for shape in shapes] == [(h, w)] * 5 + [(w, h)] * 2
    for maps in (one for each in found.values() for one in (each.merged, *each.views)):
        assert maps.maps.shape[1:] == (h, w) and isinstance(maps.info, ResizeInfo)
        np.testing.assert_allclose(np.hypot(*maps.maps[1:3]), 1, atol=1e-3)
    assert np.corrcoef(found[4].merged.maps[0].ravel(), found[1].merged.maps[0].ravel())[0, 1] > 0.8


def test_views_that_are_known_are_not_detected_again(monkeypatch: pytest.MonkeyPatch, seal_image: np.ndarray) -> None:
    detector = in_process(threads=2, at_once=1).detector
    every = detector.detect_tta(seal_image, views=4)
    shapes, run = [], detector.model.run
    monkeypatch.setattr(detector.model, "run", lambda x: (shapes.append(x.shape), run(x))[1])
    for count, left in ((1, 3), (2, 2), (4, 0)):
        shapes.clear()
        found = detector.detect_tta(seal_image, views=4, known=every.views[:count])
        assert len(shapes) == left
        np.testing.assert_allclose(found.merged.maps, every.merged.maps, atol=1e-6)


def test_a_graph_of_one_size_cannot_lie_on_its_side(seal_image: np.ndarray) -> None:
    detector = in_process(threads=2, at_once=1).detector
    detector.fixed_hw = (96, 160)
    assert detector.detect_tta(seal_image, views=2).merged.maps.shape[1] < detector.maps(seal_image).maps.shape[2]
    with pytest.raises(EngineError, match=r"turned by 90 degrees[\s\S]*Refine\.views"):
        detector.detect_tta(seal_image, views=4)


def test_only_whole_sets_of_views() -> None:
    settings = load_settings("configs", "embedded", SealRecognitionSettings, ["Refine.views=2"]).settings
    assert settings.Refine is not None and settings.Refine.views == 2
    with pytest.raises(ConfigError, match=r"Refine\.views"):
        load_settings("configs", "embedded", SealRecognitionSettings, ["Refine.views=3"])
