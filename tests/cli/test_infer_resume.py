"""`sealkit infer --resume`, and a disk that is full: what is there is kept, the rest is tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealkit.cli import main
from sealkit.cli.infer_state import STATE
from sealkit.images import read_image, write_image

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "datasets" / "toy" / "images"


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images, two of them of one name; the working folder is the test's."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a/1.jpg", "b/1.jpg", "c.jpg")):
        (tmp_path / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / "scans" / name, read_image(sorted(TOY.iterdir())[number])[::3, ::3])
    return tmp_path / "scans"


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != STATE}


RUN = ["infer", "scans", "--save-path", "out", "--threads", "1", "--resume"]
MODULE = [*RUN, "--model", "PP-OCRv6_small_det"]


def test_what_is_there_and_whole_is_not_made_again(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--jsonl", "--save-csv", "all.csv"]) == 0
    out, err = capsys.readouterr()
    before, table = times(Path("out")), Path("all.csv").read_bytes()
    assert "before" not in err and "1-2_res.json" in before

    assert main([*RUN, "--jsonl", "--save-csv", "again.csv"]) == 0
    again, err = capsys.readouterr()
    assert "3 input(s) were read before" in err and times(Path("out")) == before
    assert [json.loads(line) for line in again.splitlines()] == [json.loads(line) for line in out.splitlines()]
    assert Path("again.csv").read_bytes() == table

    Path("out/c_res.json").write_text("{", encoding="utf-8")
    next(Path("out").glob("1-2_seal*")).unlink()
    os.utime(scans / "a" / "1.jpg", ns=(1, 1))
    assert main([*RUN, "--save-csv", "third.csv"]) == 0
    assert "3 changed or lack results and are read again" in capsys.readouterr().err
    assert set(times(Path("out"))) == set(before) and Path("third.csv").read_bytes() == table
    json.loads(Path("out/c_res.json").read_bytes())


def test_a_run_that_was_stopped_goes_on(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([MODULE[0], str(scans / "a"), *MODULE[2:]]) == 0
    with open(Path("out") / STATE, "ab") as file:
        file.write(b'{"settings": "torn')
    assert main(MODULE) == 0
    assert "1 input(s) were read before" in capsys.readouterr().err
    assert main(MODULE) == 0
    assert "3 input(s) were read before" in capsys.readouterr().err


def test_other_settings_make_other_results(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(MODULE) == 0
    before = times(Path("out"))
    capsys.readouterr()
    assert main([*MODULE, "--engine", "onnxruntime"]) == 0
    assert "3 were read with other settings and are read again" in capsys.readouterr().err
    assert times(Path("out"))["c_res.json"] != before["c_res.json"]


def test_resume_needs_a_folder(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", str(scans), "--resume"]) == 2
    assert "--save-path" in capsys.readouterr().err


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes beyond the limit fail with EFBIG, as on a full disk with ENOSPC
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from sealkit.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE stands in for a full disk")
@pytest.mark.parametrize("model", [[], ["--model", "PP-OCRv6_small_det"]])
def test_a_full_disk_is_counted_and_the_next_image_read(scans: Path, model: list[str]) -> None:
    words = ["infer", "scans", "--save-path", "out", "--threads", "1", *model]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "3 result(s) could not be saved" in done.stderr and "Traceback" not in done.stderr
    for name in ("a/1.jpg", "b/1.jpg", "c.jpg"):
        assert f"scans/{name}" in done.stdout.replace(os.sep, "/")
    assert not [path for path in Path("out").iterdir() if path.suffix in (".jpg", ".png", ".partial")]
