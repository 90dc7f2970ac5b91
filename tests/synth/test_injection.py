"""Characters that a recogniser is to be taught, and the printed lines it must not forget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.new_characters import NEW, Row
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.drawing.fonts import chinese_faces
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.synth.seals.lines import write_line_set
from sealkit.synth.seals.render import render_sample
from sealkit.synth.seals.settings import SynthSettings


def test_seals_show_the_given_characters_and_keep_their_geometry() -> None:
    plain = SynthSettings(crops=1, pages=0, negatives=0)
    woven = plain.model_copy(update={"characters": NEW[:4], "characters_share": 1.0})
    met = set()
    for index in range(8):
        _, lines, _ = render_sample(5, index, woven)
        met |= set("".join(line.text for line in lines)) & set(NEW[:4])
    assert len(met) >= 2
    for index in range(3):
        first, second = render_sample(5, index, plain)[1], render_sample(5, index, plain)[1]
        assert [line.text for line in first] == [line.text for line in second]
        assert not set("".join(line.text for line in first)) & set(NEW)


def test_all_else_of_the_image_stays() -> None:
    plain = SynthSettings(crops=1, pages=0, negatives=0)
    woven = plain.model_copy(update={"characters": NEW, "characters_share": 1.0})
    for index in range(4):
        (first, lines, _), (second, changed, _) = render_sample(5, index, plain), render_sample(5, index, woven)
        assert first.shape == second.shape and len(lines) == len(changed)
        for one, other in zip(lines, changed):
            assert len(one.text) == len(other.text) and np.array_equal(one.points, other.points)


def test_the_new_characters_are_drawn_by_several_fonts_and_unknown_to_the_weights() -> None:
    assert len(NEW) == len(set(NEW)) >= 20
    for character in NEW:
        assert sum(face.has(character) for face in chinese_faces()) >= 1, character
    from sealkit.modules.text_recognition.characters import read_dictionary

    assert read_dictionary("rapidocr").unknown(NEW) == list(NEW)


def test_printed_lines(tmp_path: Path) -> None:
    assert write_line_set(tmp_path / "a", 12, 3) == 12
    write_line_set(tmp_path / "b", 12, 3)
    samples, problems = read_rec_labels(tmp_path / "a", "train.txt")
    assert not problems and len({sample.text for sample in samples}) > 8
    for sample in samples:
        image = read_image(sample.image_path)
        assert 20 < image.shape[0] < 120 and image.std() > 10, "there is something on the paper"
        same = read_image(tmp_path / "b" / sample.image_path.relative_to(tmp_path / "a"))
        assert np.array_equal(image, same)
    with pytest.raises(DataError, match="the label file exists"):
        write_line_set(tmp_path / "a", 1, 3)


def test_what_is_asked_of_each_set() -> None:
    assert Row("new", 500, 0.01, 0.85).passed and not Row("new", 500, 0.01, 0.79).passed
    assert Row("seals", 500, 0.800, 0.796).passed and not Row("seals", 500, 0.800, 0.794).passed
    assert Row("lines", 2000, 0.95, 0.941).passed and not Row("lines", 2000, 0.95, 0.939).passed
