"""A disk that is full: every command that writes says which file, without a traceback, and leaves none half written.

`tests/test_files.py` holds the one place that writes; here commands are held to use it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.sets import small_set
from tests.serving.live import ROOT

LIMITED = """
import resource, signal, sys, json
from sealkit.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes beyond the limit fail with EFBIG, as on a full disk with ENOSPC
for command in json.loads(sys.argv[1]):
    print("$", *command, file=sys.stderr, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
    code = main(command)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("exit code", code, file=sys.stderr, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE stands in for a full disk")
def test_commands_name_the_file_that_cannot_be_written(tmp_path: Path) -> None:
    source = str(small_set(tmp_path / "set"))
    out = tmp_path / "out"
    out.mkdir()
    commands = [
        ["data", "convert", source, f"{out}/converted"],
        ["data", "convert", source, f"{out}/labelme", "--to", "labelme"],
        ["data", "check", source, "--html", f"{out}/check.html"],
        ["data", "check", source, "--json", f"{out}/check.json"],
        ["data", "check", source, "--fix", f"{out}/fixed"],
        ["data", "crop", source, f"{out}/strips"],
        ["data", "show", source, "--out", f"{out}/sheet.png"],
        ["data", "synth", f"{out}/drawn", "--count", "2"],
        ["config", "get", "embedded", "--save-path", str(out)],
    ]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stderr.split("$ ")[1:]
    assert len(said) == len(commands) and "Traceback" not in done.stderr
    for words in said:
        assert "exit code 0" not in words and "File too large" in words and f"{out}/" in words.partition("\n")[2], words
    left = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".json" and path.name[0] != "."]
    assert not left, left
