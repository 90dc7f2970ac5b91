"""Images depend on seed and index alone; sets are complete and readable; the command line says what is wrong."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sealkit import vocabulary
from sealkit.cli import data_synth
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.shapes import SHAPES
from sealkit.errors import ConfigError, DataError
from sealkit.images import read_image
from sealkit.synth.common import texts
from sealkit.synth.common.sets import SetPlan, is_validation, write_jpeg
from sealkit.synth.seals import writer
from sealkit.synth.seals.render import render_cache, render_sample
from sealkit.synth.seals.settings import SynthSettings
from sealkit.synth.seals.writer import write_detection_set

SMALL = SynthSettings(size=(160, 220), page_size=(200, 260))


def test_a_image_depends_on_seed_and_index_only() -> None:
    alone = render_sample(7, 3, SMALL)
    render_cache.cache_clear()  # nothing drawn before may matter
    for index in range(3):
        render_sample(7, index, SMALL)
    again = render_sample(7, 3, SMALL)
    assert np.array_equal(alone[0], again[0]) and alone[2] == again[2]
    assert all(np.array_equal(a.points, b.points) and a.text == b.text for a, b in zip(alone[1], again[1]))
    assert not np.array_equal(alone[0], render_sample(8, 3, SMALL)[0])


@pytest.mark.parametrize("style", ["default", "laser", "guilloche"])
def test_images_and_labels_are_sound(style: str) -> None:
    settings = SMALL.model_copy(update={"style": style})
    kinds, directions = set(), set()
    for index in range(30):
        image, lines, info = render_sample(11, index, settings)
        height, width = image.shape[:2]
        assert image.dtype == np.uint8 and image.shape[2] == 3 and max(height, width) <= 261
        kinds.add(info["kind"])
        assert info["kind"] != "negative" or not lines
        for line in lines:
            directions.add(line.direction)
            assert line.text and line.shape in SHAPES and 0 <= line.angle <= 360
            assert len(line.points) % 2 == 0 and line.points.min() >= 0
            assert (line.points.max(0) <= (width - 1, height - 1)).all()
        assert {line.seal for line in lines} == set(range(len(info["seals"])))
    assert kinds == {"crop", "page", "negative"}
    assert {"arc", "arc-bottom", "line", "vertical"} >= directions >= {"arc", "line"}


def test_all_shapes_are_drawn_when_asked_for() -> None:
    for shape in SHAPES:
        only = SMALL.model_copy(update={"shapes": {shape: 1.0}, "pages": 0.0, "negatives": 0.0})
        _, lines, _ = render_sample(1, 0, only)
        assert lines and {line.shape for line in lines} <= {shape}


def test_set_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        write_detection_set(SetPlan(tmp_path / str(workers), 6, 5, workers, val_share=0.34), SMALL)
    for name in ("train.txt", "val.txt", *(f"images/{i:06d}.jpg" for i in range(6))):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_a_set_left_unfinished_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after three images, one of them lost since, then started again: byte for byte the set of one go."""
    plan = SetPlan(tmp_path / "set", 6, 5, val_share=0.34)
    write_detection_set(replace(plan, folder=tmp_path / "whole"), SMALL)
    drawn: list[int] = []
    render = writer._render_to_file

    def stop_at_three(folder: str, seed: int, quality: int, settings: SynthSettings, index: int) -> dict:
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(index)
        return render(folder, seed, quality, settings, index)

    monkeypatch.setattr(writer, "_render_to_file", stop_at_three)
    with pytest.raises(KeyboardInterrupt):
        write_detection_set(plan, SMALL)
    (tmp_path / "set" / "images" / "000001.jpg").unlink()
    with pytest.raises(DataError, match=r"begun with other settings.*seed: 5, now 6"):
        write_detection_set(replace(plan, seed=6), SMALL)
    monkeypatch.setattr(writer, "_render_to_file", render)
    drawn.clear()
    monkeypatch.setattr(writer, "write_jpeg", lambda path, *rest: (drawn.append(path.name), write_jpeg(path, *rest)))
    write_detection_set(plan, SMALL)
    assert drawn == ["000001.jpg", "000003.jpg", "000004.jpg", "000005.jpg"]
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    """Path in the folder → content, of all files."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_command_writes_a_readable_set_and_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    data_synth.add_arguments(parser)
    out = tmp_path / "set"
    flags = f"{out} -n 8 --workers 1 --val-share 0.25 --size 160 200 --page-size 200 220 --sheet {tmp_path / 's.png'}"
    assert data_synth.run(parser.parse_args([*flags.split(), "--shapes", "circle=1,square=1"])) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["images"] == 8 and summary["train"] == 6 and summary["val"] == 2
    total = 0
    for part in ("train.txt", "val.txt"):
        samples, problems = read_det_labels(out, part, check_files=True)
        assert not problems
        total += len(samples)
        for sample in samples:
            assert read_image(sample.image_path).ndim == 3
            assert {line.shape for line in sample.lines} <= {"circle", "square"}
    assert total == 8 and read_image(tmp_path / "s.png").shape[0] >= 320
    with pytest.raises(DataError, match="not empty"):
        data_synth.run(parser.parse_args([str(out), "-n", "1"]))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--shapes", "cirle=1"], "unknown name"),
        (["--shapes", "circle=much"], "not a number"),
        (["--scenes", "crops=0"], "all weights are 0"),
        (["--uniform-angle", "1.5"], "--uniform-angle"),
        (["--min-seal", "1"], "--min-seal"),
    ],
)
def test_wrong_flags_have_one_clear_message(flags: list[str], message: str, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    data_synth.add_arguments(parser)
    with pytest.raises(ConfigError, match=message):
        data_synth.run(parser.parse_args([str(tmp_path / "set"), "-n", "1", *flags]))
    assert not (tmp_path / "set").exists()


def test_count_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="count must be positive"):
        write_detection_set(SetPlan(tmp_path / "set", 0))


def test_validation_share_is_exact_and_independent_of_the_count() -> None:
    assert sum(is_validation(i, 0.1) for i in range(1000)) == 100
    assert not any(is_validation(i, 0.0) for i in range(50)) and all(is_validation(i, 1.0) for i in range(50))


def test_texts() -> None:
    assert len(texts.gb2312_characters(1)) == 3755 and len(texts.gb2312_characters(2)) == 3008
    rng = np.random.default_rng(0)
    names = [texts.owner(rng) for _ in range(300)]
    assert len(set(names)) > 280 and max(map(len, names)) <= 40 and min(map(len, names)) >= 4
    assert all(len(texts.tax_number(rng)) in (15, 18) for _ in range(50))
    assert vocabulary.traditional("国际发展") == "國際發展"
    forbidden = ("科研专用", "研究专用", "用于研究")  # purposes of a public test set
    assert not any(word in texts.purpose(rng) for _ in range(2000) for word in forbidden)
