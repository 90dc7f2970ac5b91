"""Strips drawn on the fly: reproducible, never twice the same, cut from where their text is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.cli import main
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.records import TextLine
from sealkit.errors import ConfigError, DataError
from sealkit.geometry.lines import LinePoly
from sealkit.synth.common.sets import SetPlan
from sealkit.synth.seals.settings import StripSettings
from sealkit.synth.strips.draw import SHARES, StripArtist, cut_line, length_class
from sealkit.synth.strips.texts import date_text, invented_word, latin_text, rare_text, traditional_text
from sealkit.synth.strips.wear import foreign_ends, shown
from sealkit.synth.strips.writer import write_strip_set

SMALL = StripSettings(size=(160, 220))


def anything(text: str) -> bool:
    return bool(text)


def test_a_strip_depends_on_its_generator_alone() -> None:
    first, second = StripArtist(SMALL, 3), StripArtist(SMALL, 3)
    second.draw(np.random.default_rng(8), 1, anything)  # what was drawn before does not matter
    for length in range(len(SHARES)):
        one = first.draw(np.random.default_rng([5, length]), length, anything)
        same = second.draw(np.random.default_rng([5, length]), length, anything)
        other = first.draw(np.random.default_rng([6, length]), length, anything)
        assert one.text == same.text and np.array_equal(one.image, same.image)
        assert one.image.dtype == np.uint8 and one.image.shape[2] == 3 and min(one.image.shape[:2]) >= 8
        assert other.image.shape != one.image.shape or not np.array_equal(one.image, other.image)


def test_only_texts_that_fit_are_drawn() -> None:
    artist = StripArtist(StripSettings(size=(160, 220), printed=0), 3)
    few = [artist.draw(np.random.default_rng(i), 0, lambda text: len(text) <= 4).text for i in range(4)]
    assert all(len(text) <= 4 for text in few)
    with pytest.raises(DataError, match="can be trained on"):
        artist.draw(np.random.default_rng(0), 0, lambda text: False)


def test_long_lines_are_longer_than_short_ones() -> None:
    artist = StripArtist(StripSettings(size=(160, 220), printed=0, width=(1, 1)), 3)
    ratios: list[list[float]] = [[], [], []]
    for length in range(3):
        for seed in range(4):
            image = artist.draw(np.random.default_rng([seed, length]), length, anything).image
            ratios[length].append(image.shape[1] / image.shape[0])
    assert np.mean(ratios[0]) < np.mean(ratios[1]) < np.mean(ratios[2])
    assert [length_class(ratio) for ratio in (2.0, 7.0, 12.0)] == [0, 1, 2]


def test_strips_are_cut_from_the_shapes_that_are_named() -> None:
    def shapes(**settings: Any) -> set[str | None]:
        artist = StripArtist(StripSettings(size=(160, 220), printed=0, special=0, **settings), 3)
        return {artist.draw(np.random.default_rng(i), i % 3, anything).shape for i in range(12)}

    assert shapes(shapes={"note": 1, "block": 1}) == {"note", "block"}
    assert shapes() & {"note", "block"} == set()
    with pytest.raises(ValueError, match="unknown shape 'blok'"):
        StripSettings(shapes={"blok": 1})
    with pytest.raises(ValueError, match="weights of shapes"):
        StripSettings(shapes={"block": 0})


def test_ends_are_cut_and_grown_within_the_range() -> None:
    """A line of marks: the strip's width says how much of what lies beyond the label it shows."""
    image = np.full((200, 700, 3), 255, np.uint8)
    cv2.rectangle(image, (200, 80), (499, 119), (0, 0, 200), -1)
    points = np.array([[200, 80], [500, 80], [500, 120], [200, 120]], np.float32)
    line = TextLine(points, "text", False, "rectangle", 0.0, "line", 0)
    assert LinePoly(points, direction="line").height == 40
    beyond = []
    for seed in range(60):
        strip = cut_line(image, line, np.random.default_rng(seed), (-0.1, 0.6))
        assert strip is not None and strip.shape[0] == 48
        inked = np.flatnonzero(strip[24, :, 1] < 128)
        beyond += [inked[0] / 48, (strip.shape[1] - 1 - inked[-1]) / 48]
        assert len(inked) > 0.9 * (inked[-1] - inked[0])
    assert min(beyond) < 0.02 and 0.4 < max(beyond) <= 0.75


def test_what_is_put_at_an_end_is_less_than_a_character() -> None:
    strip = np.full((48, 300, 3), 250, np.uint8)
    widths: dict[str, list[int]] = {text: [] for text in ("有限公司", "1234567")}
    for text, found in widths.items():
        for seed in range(20):
            longer = foreign_ends(strip, np.random.default_rng(seed), text)
            found.append(longer.shape[1] - 300)
    assert max(widths["有限公司"]) <= 0.73 * 48 and max(widths["1234567"]) <= 0.51 * 48
    assert min(min(found) for found in widths.values()) > 0


def test_shown_tells_a_strip_from_one_that_nobody_can_read() -> None:
    strip = np.full((48, 200, 3), 230.0, np.float32)
    strip[10:38, 20:180:12] = 40
    grey = np.full_like(strip, 128)
    assert shown(strip, strip) > 0.95 and shown(strip, 0.5 * strip + 60) > 0.9
    assert shown(strip, grey) < 0.05


def test_special_kinds_are_drawn_by_their_weights() -> None:
    def texts_of(kinds: dict[str, float]) -> list[str]:
        artist = StripArtist(StripSettings(size=(160, 220), printed=0, special=1, special_kinds=kinds), 3)
        rng = np.random.default_rng(7)
        return [artist.draw(rng, number % 2, lambda text: bool(text)).text for number in range(12)]

    codes = texts_of({"code": 1})
    assert all(text.isascii() and text.isalnum() and any(char.isdigit() for char in text) for text in codes)
    assert not any("\u4e00" <= char <= "\u9fff" for text in texts_of({"latin": 2, "code": 0}) for char in text)
    for wrong, word in (({"codes": 1.0}, "codes"), ({"latin": -1.0}, "at least 0"), ({"latin": 0.0}, "at least 0")):
        with pytest.raises(ValueError, match=word):
            StripSettings(special_kinds=wrong)


def test_texts_say_what_they_are_for() -> None:
    rng = np.random.default_rng(0)
    latin = [latin_text(rng) for _ in range(200)]
    assert all(text and len(text) <= 36 for text in latin) and sum(not text.isascii() for text in latin) > 40
    words = [invented_word(rng) for _ in range(2000)]
    assert all(3 <= len(word) <= 14 and word.isascii() and word.isupper() for word in words)
    counts = [sum(char in word for word in words) for char in "BCDFGHJKLMNPQRSTVWXZ"]
    assert min(counts) > 100 and max(counts) < 6 * min(counts)  # English has a hundred E or T to a Q or Z
    assert any(any(char in "國華會計機關業務發東長門" for char in traditional_text(rng)) for _ in range(50))
    assert all(2 < len(rare_text(rng)) < 40 for _ in range(50))
    assert any(text[-1] == "日" for text in (date_text(rng) for _ in range(40)))


def test_a_set_on_disk_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = write_strip_set(SetPlan(tmp_path / "set", 6, 4, val_share=0.5), SMALL)
    assert summary["strips"] == 6 and summary["train"] == summary["val"] == 3
    samples, problems = read_rec_labels(tmp_path / "set", "val.txt")
    assert len(samples) == 3 and not problems
    again = tmp_path / "again"
    sheet = tmp_path / "sheet.png"
    command = ["data", "synth", str(again), "--kind", "strip", "--count", "6", "--seed", "4", "--val-share", "0.5"]
    assert main([*command, "--size", "160", "220", "--workers", "1", "--sheet", str(sheet)]) == 0
    assert sheet.is_file()
    for name in ("train.txt", "val.txt", "val.extras.jsonl", "images/000002.jpg"):
        assert (again / name).read_bytes() == (tmp_path / "set" / name).read_bytes()
    code = main(["data", "synth", str(tmp_path / "no"), "--kind", "strip", "--style", "laser"])
    assert code == ConfigError.exit_code and "--style" in capsys.readouterr().err
