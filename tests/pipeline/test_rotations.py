"""Looking at a seal from four sides: maps are turned back, directions with them; what looks agree on is kept."""

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
from sealkit.pipeline.create import create_pipeline
from sealkit.pipeline.settings import SealRecognitionSettings

RIGHT, UP, LEFT, DOWN = (1, 0), (0, -1), (-1, 0), (0, 1)


def _look(turn):
    """What a perfect detector says of a 4 x 6 image turned counter-clockwise: text in one corner, up to its right."""
    probability = np.zeros((4, 6), np.float32)
    probability[0, 5] = 0.9
    maps = np.stack([probability, np.zeros((4, 6)), np.zeros((4, 6)), probability])
    maps = np.rot90(maps, turn, (1, 2)).astype(np.float32).copy()
    maps[1:3] = np.array((RIGHT, UP, LEFT, DOWN)[turn], np.float32)[:, None, None]
    return maps


def test_the_mean_of_perfect_looks_is_the_look():
    found = average_views([turned_back(_look(turn), turn) for turn in range(4)])
    np.testing.assert_allclose(found, _look(0), atol=1e-6)
    assert found.dtype == np.float32


def test_looks_that_disagree_are_averaged():
    one, other = _look(0), _look(2)
    other[0] = 0.0  # upside down it is not seen as text
    other[1:3] = np.array(UP, np.float32)[:, None, None]  # turned back: down
    found = average_views([one, turned_back(other, 2)])
    assert found[0, 0, 5] == pytest.approx(0.45)
    np.testing.assert_allclose(found[1:3, 0, 0], np.array([1, 1]) / np.sqrt(2), atol=1e-6)
    plain = average_views([one[:1], turned_back(other[:1], 2)])  # a detector without further channels
    np.testing.assert_allclose(plain, found[:1])


def test_the_detector_looks_as_often_as_it_is_told(monkeypatch):
    detector = create_pipeline(device="cpu", threads=2, at_once=1).detector
    shapes, run = [], detector.model.run
    monkeypatch.setattr(detector.model, "run", lambda x: (shapes.append(x.shape), run(x))[1])
    seal = read_image(Path(sealkit.__file__).parent / "assets" / "example_seal.png")
    crop = np.pad(seal, ((0, 64), (0, 0), (0, 0)), mode="edge")  # oblong, and the seal is whole
    size = DetResizeSettings(limit_side_len=352, limit_type="resize_long")  # what the detector was trained on
    looks = {rotations: detector.looks(crop, size, rotations) for rotations in (1, 2, 4)}
    assert [len(found) for found in looks.values()] == [1, 3, 5]  # of several first their mean
    maps = {rotations: found[0] for rotations, found in looks.items()}
    h, w = maps[1].maps.shape[1:]
    assert h != w
    assert [shape[2:] for shape in shapes] == [(h, w)] * 3 + [(h, w), (w, h)] * 2
    for found in (each for several in looks.values() for each in several):
        assert found.maps.shape == maps[1].maps.shape and isinstance(found.info, ResizeInfo)
        np.testing.assert_allclose(np.hypot(*found.maps[1:3]), 1, atol=1e-3)
    assert np.corrcoef(maps[4].maps[0].ravel(), maps[1].maps[0].ravel())[0, 1] > 0.8


def test_a_graph_of_one_size_cannot_lie_on_its_side(seal_image):
    detector = create_pipeline(device="cpu", threads=2, at_once=1).detector
    detector.fixed_hw = (96, 160)
    assert detector.looks(seal_image, rotations=2)[0].maps.shape[1] < detector.maps(seal_image).maps.shape[2]
    with pytest.raises(EngineError, match=r"lies on its side[\s\S]*Fine\.rotations"):
        detector.looks(seal_image, rotations=4)


def test_only_whole_sets_of_rotations(tmp_path):
    settings = load_settings("configs", "embedded", SealRecognitionSettings, ["Fine.rotations=2"]).settings
    assert settings.Fine is not None and settings.Fine.rotations == 2
    with pytest.raises(ConfigError, match=r"Fine\.rotations"):
        load_settings("configs", "embedded", SealRecognitionSettings, ["Fine.rotations=3"])
