"""`tools/benchmark.py --help` lists every measurement."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_measurement_has_a_line() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "benchmark.py", "--help"],
        capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  "))
    assert {"serving", "training", "real-seals", "new-characters"} <= set(rows)
    assert all(len(about) > 15 for about in rows.values())
