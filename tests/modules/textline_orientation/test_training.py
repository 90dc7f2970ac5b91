"""Training of the text line classifiers: samples at both angles, the check, label issues, whole runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit import api, cli
from sealkit.config.problems import SettingsError
from sealkit.data.labels.orientation import LINE_ANGLES, read_page_labels
from sealkit.errors import ConfigError, DataError
from sealkit.modules.doc_text_orientation.dataset import TrainSource
from sealkit.modules.doc_text_orientation.label_issues import issues_of
from sealkit.modules.doc_text_orientation.postprocess import TopClasses
from sealkit.modules.textline_orientation.check import TextLineCheck
from sealkit.modules.textline_orientation.models import LABELS
from sealkit.modules.textline_orientation.orientations import LINES
from sealkit.modules.textline_orientation.preprocess import preprocess
from sealkit.modules.textline_orientation.settings import TextlineOrientationRecipe
from sealkit.modules.textline_orientation.task import TextlineOrientationTask

TOY = Path(__file__).parents[3] / "datasets" / "toy_textlines"
SMALL = "PP-LCNet_x0_25_textline_ori"


def line(seed: int) -> np.ndarray:
    """Black strokes on white with a red one below: no line equals itself turned."""
    image = np.full((40, 200, 3), 250, np.uint8)
    for x in np.random.default_rng(seed).integers(5, 190, 8):
        cv2.rectangle(image, (int(x), 8), (int(x) + 4, 26), (20, 20, 20), -1)
    cv2.line(image, (0, 36), (199, 36), (30, 30, 220), 3)
    return image


@pytest.fixture
def upright(tmp_path: Path) -> Path:
    """Strips of a recognition set: their texts do not matter."""
    rows = []
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), line(number))
        rows.append(f"{number}.png\t合同专用章{number}\n")
    (tmp_path / "train.txt").write_text("".join(rows), encoding="utf-8")
    return tmp_path


def recipe(root: Path, **changes: Any) -> TextlineOrientationRecipe:
    entry = {"root": str(root), "labels": "train.txt", "upright": True}
    values = {"name": "t", "module": LINES.module, "model": SMALL, "data": {"train": [entry], "val": [entry]}}
    return TextlineOrientationRecipe.model_validate({**values, **changes})


def test_upright_lines_are_evaluated_at_both_angles(upright: Path) -> None:
    source = TextlineOrientationTask(recipe(upright)).eval_samples()
    assert len(source) == 8
    samples = [source.get(n, 0, np.random.default_rng(0)) for n in range(8)]
    assert [int(sample["label"]) for sample in samples] == [0, 1] * 4
    first, turned = samples[0]["image"], samples[1]["image"]
    np.testing.assert_array_equal(first, preprocess(line(0)))
    np.testing.assert_allclose(turned, first[:, ::-1, ::-1], atol=0.05)  # resized after the turn


def test_training_turns_image_and_label_together(upright: Path) -> None:
    task = TextlineOrientationTask(recipe(upright, augment=[{"op": "rot180"}]))
    source, seen = task.train_samples(), set()
    assert isinstance(source, TrainSource)
    for draw in range(12):
        _, image, label = source.augmented(0, 0, np.random.default_rng(draw))
        red = image[:, :, 2].astype(float) - image[:, :, 1]
        red_below = red[70:].mean() > red[:10].mean()
        assert image.shape == (80, 160, 3) and red_below == (label == 0)
        seen.add(label)
    assert seen == {0, 1}
    data = {**recipe(upright).data.model_dump(), "all_angles": True}
    both = TextlineOrientationTask(recipe(upright, data=data)).train_samples().get(0, 0, np.random.default_rng(1))
    assert both["image"].shape == (2, 3, 80, 160) and sorted(both["label"]) == [0, 1]
    np.testing.assert_array_equal(both["image"][1], both["image"][0][:, ::-1, ::-1])


def test_quarter_turns_and_wide_tilts_are_refused(upright: Path) -> None:
    with pytest.raises(ValueError, match="rot180"):
        recipe(upright, augment=[{"op": "rot90"}])
    with pytest.raises(ValueError, match="would change the class"):
        recipe(upright, augment=[{"op": "rotate", "degrees": [-90, 90]}])


def test_labels_of_pages_are_refused_and_reversed_ids_translated(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x.png 0\ny.png 1\nz.png 3\n", encoding="utf-8")
    samples, problems = read_page_labels(tmp_path, "a.txt", LINE_ANGLES)
    assert [sample.label for sample in samples] == [0, 1] and [problem.code for problem in problems] == ["bad-label"]
    (tmp_path / "label.txt").write_text("0 180_degree\n1 0_degree\n", encoding="utf-8")
    assert [sample.label for sample in read_page_labels(tmp_path, "a.txt", LINE_ANGLES)[0]] == [1, 0]
    (tmp_path / "label.txt").write_text("0 0\n1 90\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a half turn"):
        read_page_labels(tmp_path, "a.txt", LINE_ANGLES)


def test_the_check_knows_two_classes(tmp_path: Path) -> None:
    sound = TextLineCheck.check(TOY, workers=1)
    assert sound.num_classes == 2 and sound.count("error") == sound.count("warning") == 0
    root = tmp_path / "set"
    shutil.copytree(TOY, root)
    rows = (root / "train.txt").read_text(encoding="utf-8").splitlines()
    upright_only = [row for row in rows if row.endswith(" 0")]
    (root / "train.txt").write_text("\n".join([*upright_only, upright_only[0][:-1] + "1", rows[1][:-1] + "2"]) + "\n")
    found = {problem.code: problem for problem in TextLineCheck.check(root, workers=1).problems}
    assert "as 0 and not as 180 degrees" in found["label-conflict"].message
    assert found["bad-label"].hint == "ids are 0, 1"


def test_label_issues_speak_of_lines() -> None:
    samples = read_page_labels(TOY, "val.txt", LINE_ANGLES)[0][:2]
    answers = [TopClasses(np.array([1]), np.array([0.95], np.float32), [LABELS[1]])] * 2
    classifier: Any = SimpleNamespace(labels=LABELS, classify=lambda images: answers)
    (issue,) = issues_of(samples, classifier, LINES, lambda done, of: None)
    assert "labelled 0 degrees, the classifier sees 180" in issue.problem.message
    assert "does the text line stand upright? else write 1" in str(issue.problem.hint)
    pages: Any = SimpleNamespace(labels=("0", "90", "180", "270"))
    with pytest.raises(ConfigError, match="other ones"):
        issues_of(samples, pages, LINES, lambda done, of: None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["textline_ori", "textline_ori_cpu", "textline_ori_finetune"])
def test_a_run_ends_in_a_folder(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["train.max_steps=2", "train.epochs=null", "train.batch_size=2", "train.num_workers=0", "train.threads=1"]
    given += ["weights.init=scratch", "eval.batch_size=8", "train.visualdl=false", "eval.at_start=false", "ema=null"]
    given += ["eval.every_epochs=null", "eval.every_steps=2"]
    run = tmp_path / "run"
    flags = ["-c", name, "--data", str(TOY), "--output", str(run), "--no-progress", "-o", *given]
    assert cli.main(["train", *flags]) == 0
    told = capsys.readouterr().out
    model_name = api.load(run).settings.model
    assert f'use it in Python: sealkit.create_model("{model_name}", "{run}/inference")' in told
    trained = api.evaluate(checkpoint=run, progress=False).metrics
    exported = api.evaluate(model_dir=run / "inference", progress=False).metrics
    assert exported == pytest.approx(trained) and trained["images"] == 12
    (result,) = api.create_model(model_name, run / "inference").predict(str(TOY / "images/val_000000_0.jpg"))
    assert result["label_names"][0] in LABELS


def test_a_recipe_of_no_such_key_is_answered() -> None:
    with pytest.raises(SettingsError, match="resize_short"):
        api.load("textline_ori", {"resize.resize_short": 256})
