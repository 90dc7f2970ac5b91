"""Labels, turns and samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.labels.orientation import PageSample, read_page_labels, read_upright
from sealkit.errors import ConfigError, DataError
from sealkit.modules.doc_text_orientation.dataset import EvalSource, TrainSource, collate, load_set, lying, set_info
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.modules.doc_text_orientation.preprocess import to_input
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe, OriSetSettings

from .conftest import page

Make = Callable[..., DocTextOrientationRecipe]


def train_source(recipe: DocTextOrientationRecipe) -> TrainSource:
    return TrainSource(recipe, [load_set(entry) for entry in recipe.data.train])


def loaded(entries: Sequence[OriSetSettings]) -> list[tuple[OriSetSettings, list[PageSample]]]:
    return [(entry, load_set(entry)) for entry in entries]


def info_of(entry: OriSetSettings) -> dict[str, Any]:
    return set_info(entry, load_set(entry))


def angle_of(image: np.ndarray) -> int:
    """Degrees clockwise the drawn page lies turned, by where its red head is."""
    red = (image[:, :, 2].astype(int) - image[:, :, 1]) > 60
    y, x = np.argwhere(red).mean(axis=0) / image.shape[:2] - 0.5
    if abs(y) > abs(x):
        return 0 if y < 0 else 180
    return 90 if x > 0 else 270


def test_a_class_says_how_far_clockwise_the_page_lies_and_its_turn_rights_it() -> None:
    for label, angle in enumerate((0, 90, 180, 270)):
        turned = lying(page(0), label)
        assert angle_of(turned) == angle
        np.testing.assert_array_equal(turn(turned, angle), page(0))


def test_upright_pages_are_turned_by_the_samples_own_rng(make_recipe: Make) -> None:
    whole = {"op": "random_resized_crop", "size": [64, 64], "scale": [0.95, 1.0], "ratio": [0.6, 0.8]}
    source = train_source(make_recipe(augment=[whole]))
    seen: Counter[int] = Counter()
    for seed in range(40):
        _, image, label = source.augmented(seed % 6, 0, np.random.default_rng(seed))
        assert image.shape == (64, 64, 3)
        assert angle_of(image) == 90 * label
        seen[label] += 1
    assert set(seen) == {0, 1, 2, 3}
    first, again = (source.get(2, 1, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first["image"], again["image"])
    assert first["label"] == again["label"] and first["label"].dtype == np.int64


def test_quarter_turns_take_the_label_along(make_recipe: Make, labelled_set: Path) -> None:
    data = {"train": [{"root": str(labelled_set), "labels": "train.txt"}]}
    data["val"] = data["train"]
    source = train_source(make_recipe(data=data, augment=[{"op": "rot90"}]))
    turned = set()
    for index in range(8):
        sample, image, label = source.augmented(index, 0, np.random.default_rng(index))
        assert angle_of(image) == 90 * label
        turned.add((label - sample.label) % 4)
    assert len(turned) > 1
    plain = train_source(make_recipe(data=data, augment=[]))
    assert [plain.augmented(i, 0, np.random.default_rng(i))[2] for i in range(8)] == [0, 1, 2, 3] * 2


def test_a_sample_may_hold_all_four_angles(make_recipe: Make, upright_pages: Path) -> None:
    sets = [{"root": str(upright_pages), "upright": True}]
    source = train_source(make_recipe(data={"train": sets, "val": sets, "all_angles": True}))
    samples = [source.get(i, 0, np.random.default_rng(i)) for i in range(2)]
    batch = collate(samples)
    assert batch["image"].shape == (8, 3, 64, 64) and len(batch["name"]) == 2
    assert sorted(batch["label"][:4].tolist()) == [0, 1, 2, 3] == sorted(batch["label"][4:].tolist())
    for image, label in zip(samples[0]["image"], samples[0]["label"]):
        righted = np.rot90(image, int(label), axes=(1, 2))
        first = np.rot90(samples[0]["image"][0], int(samples[0]["label"][0]), axes=(1, 2))
        np.testing.assert_array_equal(righted, first)


def test_evaluation_sees_each_upright_page_at_four_angles(make_recipe: Make, upright_pages: Path) -> None:
    recipe = make_recipe()
    source = EvalSource(loaded([OriSetSettings(root=str(upright_pages), upright=True, ratio=0.5)]), recipe.resize)
    assert len(source) == 12
    samples = [source.get(i, 0, np.random.default_rng(0)) for i in range(4)]
    assert [int(s["label"]) for s in samples] == [0, 1, 2, 3] == [s["turned"] for s in samples]
    assert "turned 270°" in samples[3]["name"]
    first = samples[0]["image"]
    for sample in samples[1:]:  # the crop of a turned page is the turned crop, but for the rounding of its place
        back = np.rot90(sample["image"], int(sample["label"]), axes=(1, 2))
        assert np.abs(back - first).mean() < 0.12
    batch = collate([{**s, "index": i} for i, s in enumerate(samples)])
    assert batch["image"].shape == (4, 3, 64, 64) and batch["label"].tolist() == [0, 1, 2, 3]


def test_labelled_images_are_evaluated_as_they_lie(make_recipe: Make, labelled_set: Path) -> None:
    source = EvalSource(loaded([OriSetSettings(root=str(labelled_set), labels="val.txt")]), make_recipe().resize)
    assert [int(source.get(i, 0, np.random.default_rng(0))["label"]) for i in range(len(source))] == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="more than once"):
        EvalSource(loaded([OriSetSettings(root=str(labelled_set), labels="val.txt", ratio=2.0)]), make_recipe().resize)


def test_input_is_rgb() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, :, 2] = 255  # red in BGR
    found = to_input(image)[:, 0, 0]
    assert found[0] > 2 and found[1] < -2 and found[2] < -1.7


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("images/a.png 4", "bad-label"),
        ("images/a.png 90", "bad-label"),
        ("images/a.png x", "bad-label"),
        ("images/a.png", "no-label"),
        ('images/a.png\t[{"transcription": "x"}]', "not-classification"),
        ("", "empty-line"),
    ],
)
def test_bad_lines_are_reported_with_their_number(tmp_path: Path, line: str, kind: str) -> None:
    (tmp_path / "train.txt").write_text(f"images/b.png 1\n{line}\nimages/c d.png\t3\n")
    samples, problems = read_page_labels(tmp_path, "train.txt")
    assert [(s.image_path.name, s.label) for s in samples] == [("b.png", 1), ("c d.png", 3)]
    assert [(p.code, p.where) for p in problems] == [(kind, "train.txt:2")]
    if line.endswith("90"):
        assert "write 1 for 90 degrees" in problems[0].hint


def test_ids_are_translated_where_label_txt_orders_them_otherwise(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png 0\nb.png 1\n")
    (tmp_path / "label.txt").write_text("0 180_degree\n1 0_degree\n")
    samples, problems = read_page_labels(tmp_path, "train.txt")
    assert [s.label for s in samples] == [2, 0]
    assert [p.code for p in problems] == ["class-order"]
    (tmp_path / "label.txt").write_text("0 cat\n1 dog\n")
    with pytest.raises(DataError, match="not a quarter turn"):
        read_page_labels(tmp_path, "train.txt")


def test_lists_of_upright_pages_may_be_of_any_module(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b c.png"):
        cv2.imwrite(str(tmp_path / "images" / name), page(0))
    (tmp_path / "det.txt").write_text("images/a.png\t[]\nimages/b c.png\t[]\n")
    (tmp_path / "cls.txt").write_text("images/a.png 0\nimages/b c.png 0\n")
    (tmp_path / "plain.txt").write_text("images/a.png\nimages/b c.png\n")
    (tmp_path / "coco.json").write_text('{"images": [{"file_name": "a.png"}, {"file_name": "images/b c.png"}]}')
    for file in ("det.txt", "cls.txt", "plain.txt", "coco.json", None):
        samples, problems = read_upright(tmp_path, file)
        assert [s.image_path.name for s in samples] == ["a.png", "b c.png"], file
        assert all(s.image_path.is_file() for s in samples) and not problems
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(DataError, match="not a COCO file"):
        read_upright(tmp_path, "bad.json")


def test_too_many_bad_lines_stop_a_run(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png 0\nb.png 7\n")
    with pytest.raises(DataError, match="max_broken_share"):
        load_set(OriSetSettings(root=str(tmp_path), labels="train.txt"))
    (tmp_path / "none.txt").write_text("b.png 7\n")
    with pytest.raises(DataError, match="no usable line"):
        load_set(OriSetSettings(root=str(tmp_path), labels="none.txt"))


def test_set_info_counts_classes(labelled_set: Path, upright_pages: Path) -> None:
    info = info_of(OriSetSettings(root=str(labelled_set), labels="train.txt"))
    assert info["classes"] == {"0": 2, "180": 2, "270": 2, "90": 2} and len(info["sha256"]) == 64
    assert info_of(OriSetSettings(root=str(upright_pages), upright=True))["classes"] == {"upright": 6}


def test_augmentations_that_spoil_the_class_or_the_size_are_refused(make_recipe: Make) -> None:
    with pytest.raises(ValueError, match="would change the class"):
        make_recipe(augment=[{"op": "rotate", "degrees": [-90, 90]}])
    with pytest.raises(ConfigError, match="not square"):
        train_source(make_recipe(augment=[{"op": "random_resized_crop", "size": [96, 64]}]))
    with pytest.raises(ValueError, match="upright"):
        OriSetSettings(root="x")
