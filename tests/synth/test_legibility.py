"""Texts that nobody can read are labelled as such, readable ones never; the images do not change by it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.cli import data_synth
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.records import TextLine
from sealkit.data.shapes import SHAPES
from sealkit.errors import DataError
from sealkit.synth.common.backgrounds import print_on
from sealkit.synth.common.sets import SetPlan
from sealkit.synth.seals.designs import design_seal
from sealkit.synth.seals.ink import Ink
from sealkit.synth.seals.legibility import RULES, character_height
from sealkit.synth.seals.render import SealScene, plain_scene, render_sample, scale_matrix, turn_matrix
from sealkit.synth.seals.settings import SynthSettings
from sealkit.synth.seals.writer import write_detection_set

SIDE = 400
SMALL = SynthSettings(size=(160, 220), page_size=(200, 260))
RED = np.array([40, 40, 200], np.float32)


def _scene(shape: str, seed: int, strength: float) -> SealScene:
    """A seal of this ink on white paper, nothing lost but by the strength."""
    rng = np.random.default_rng([seed, 5])
    scene = plain_scene((SIDE, SIDE), white=250.0)
    design = design_seal(shape, rng, scene.kept.book)
    half = 160 / max(1, design.b)
    pose = scale_matrix(SIDE / 2, SIDE / 2, half, half) @ turn_matrix(30.0)
    scene.stamp_plainly(design, pose, Ink(RED, "red", strength, False))
    return scene


def _measured(scene: SealScene) -> list[float]:
    return scene._mark_illegible(np.clip(scene.image, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_clear_text_is_never_marked(shape: str) -> None:
    for seed in range(5):
        scene = _scene(shape, seed, 0.9)
        measured = _measured(scene)
        assert len(measured) == len(scene.lines) > 0
        for line, value in zip(scene.lines, measured):
            assert value > 0.45 or character_height(line) < RULES.min_height_px, (shape, seed, line.text)
            assert line.ignore == (character_height(line) < RULES.min_height_px)


def test_a_faint_text_under_dense_print_is_marked_and_a_strong_one_is_not() -> None:
    values = {}
    for strength in (0.06, 0.9):
        scene = _scene("circle", 1, strength)
        for page in range(3):
            print_on(scene.image, np.random.default_rng(page), scene.kept.pages, 0.5, 25.0 * page, strength=1.0)
        values[strength] = _measured(scene)
        assert all(line.ignore == (strength < 0.5) for line in scene.lines), values
    assert max(values[0.06]) < min(values[0.9])


def test_ink_nobody_sees_is_not_legible_even_on_even_paper() -> None:
    values = [max(_measured(_scene("circle", 1, strength))) for strength in (0.004, 0.05, 0.3)]
    assert values == sorted(values) and values[0] < SMALL.legibility < values[1]


def test_blur_takes_legibility_away() -> None:
    scene = _scene("circle", 1, 0.9)
    sharp = _measured(scene)
    scene.image = cv2.GaussianBlur(scene.image, (0, 0), 12.0)
    assert all(after < 0.5 * before for after, before in zip(_measured(scene), sharp))


def test_character_height() -> None:
    row = TextLine(np.array([[0, 0], [50, 0], [50, 8], [0, 8]], np.float32), "甲乙丙", direction="line")
    column = TextLine(np.array([[0, 0], [20, 0], [20, 45], [0, 45]], np.float32), "甲乙丙", direction="vertical")
    assert character_height(row) == 8 and character_height(column) == 15


def test_images_and_polygons_do_not_depend_on_it() -> None:
    changed = 0
    for index in range(12):
        image, lines, info = render_sample(11, index, SMALL.model_copy(update={"legibility": 0.0}))
        again, marked, measured = render_sample(11, index, SMALL.model_copy(update={"legibility": 0.5}))
        assert np.array_equal(image, again) and info["legibility"] == [] and info["seals"] == measured["seals"]
        assert len(measured["legibility"]) == len(lines) == len(marked)
        for one, two, value in zip(lines, marked, measured["legibility"]):
            assert np.array_equal(one.points, two.points) and one.text == two.text
            assert two.ignore == (one.ignore or value < 0.5)
            changed += two.ignore != one.ignore
    assert changed > 0


def test_a_set_is_labelled_anew_without_touching_its_images(tmp_path: Path) -> None:
    out = tmp_path / "set"
    plain = SMALL.model_copy(update={"legibility": 0.0})
    strict = SMALL.model_copy(update={"legibility": 0.5})
    before = write_detection_set(SetPlan(out, 6, 5, val_share=0.34), plain)
    images = {path: path.read_bytes() for path in (out / "images").iterdir()}
    after = write_detection_set(SetPlan(out, 6, 5, val_share=0.34), strict, relabel=True)
    assert {path: path.read_bytes() for path in (out / "images").iterdir()} == images
    assert after["lines"] == before["lines"] and after["ignored"] > before["ignored"]
    assert after["ignored_share"] == pytest.approx(after["ignored"] / after["lines"], abs=1e-4)
    samples = [sample for part in ("train.txt", "val.txt") for sample in read_det_labels(out, part)[0]]
    lines = [line for sample in samples for line in sample.lines]
    assert sum(line.ignore for line in lines) == after["ignored"] and len(lines) == after["lines"]
    kept = (out / "train.txt").read_bytes()
    with pytest.raises(DataError, match="not the one in the set"):
        write_detection_set(SetPlan(out, 6, 6, val_share=0.34), plain, relabel=True)
    with pytest.raises(DataError, match="another number of images"):
        write_detection_set(SetPlan(out, 5, 5, val_share=0.34), plain, relabel=True)
    assert (out / "train.txt").read_bytes() == kept


def test_the_command_names_the_setting_s_own_default() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    data_synth.add_arguments(parser)
    assert f"(default {SynthSettings().legibility})" in " ".join(parser.format_help().split())
