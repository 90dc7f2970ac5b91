import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.cli import main

CommandLine = Callable[..., tuple[int, str, str]]
"""Words of a command line → exit code, stdout, stderr."""


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of 96 px with two bars of "text" each, as PaddleX writes detection sets."""
    root = tmp_path_factory.mktemp("tiny_set")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(6):
        image = np.full((96, 96, 3), 255, np.uint8)
        lines = []
        for top in (12, 56):
            left = int(rng.integers(4, 30))
            box = [[left, top], [left + 56, top], [left + 56, top + 22], [left, top + 22]]
            cv2.fillPoly(image, [np.array(box)], (40, 40, 200))
            image[top + 8 : top + 14, left + 6 : left + 50 : 7] = 255
            lines.append({"transcription": "印章", "points": box})
        cv2.imwrite(str(root / f"{number}.png"), image)
        rows.append(f"{number}.png\t{json.dumps(lines, ensure_ascii=False)}\n")
    (root / "train.txt").write_text("".join(rows[:4]), encoding="utf-8")
    (root / "val.txt").write_text("".join(rows[4:]), encoding="utf-8")
    return root


@pytest.fixture
def sealkit(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs a command line; returns (exit code, stdout, stderr) and checks that no traceback was shown."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # --help and --version
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    assert "sealkit.cli" in sys.modules
    return run
