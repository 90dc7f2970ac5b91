"""Checks of large sets, scaled down: memory does not grow by the images, and no label is left out."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.check_speed import checked, draw_set


def test_memory_does_not_grow_by_the_images(tmp_path: Path) -> None:
    """300 images more have 40 MB of pixels."""
    found = {}
    for count in (40, 340):
        draw_set(tmp_path / str(count), count)
        found[count] = checked(tmp_path / str(count), 1)
        verdict = json.loads((tmp_path / str(count) / "check.json").read_text(encoding="utf-8"))
        assert verdict["attributes"]["train_samples"] == count
    assert found[340]["parent_mb"] - found[40]["parent_mb"] < 20
