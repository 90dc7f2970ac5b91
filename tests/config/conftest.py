from collections.abc import Callable
from pathlib import Path

import pytest

WriteRecipe = Callable[..., Path]

GOOD = """\
name: small
module: seal_text_detection
model: PP-OCRv4_mobile_seal_det
data:
  train:
    - {root: seals, labels: train.txt}
  val:
    - {root: seals, labels: val.txt}
augment:
  - {op: flip, p: 0.5}
  - op: rotate
    degrees: [-10, 10]
train:
  epochs: 3
  batch_size: 4
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> WriteRecipe:
    """Writes a recipe; `more` is appended to a good one, `text` replaces it."""

    def write(more: str = "", *, text: str = GOOD, name: str = "small.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text + more, encoding="utf-8")
        return path

    return write
