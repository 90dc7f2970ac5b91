"""The drawings of the labelling guide are what docs/draw_labelling.py makes, and their outlines are good labels."""

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sealkit.geometry.regions import polygon_area

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("draw_labelling", ROOT / "docs" / "draw_labelling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def polygons(path: Path, colour: str) -> list[np.ndarray]:
    root = ET.parse(path).getroot()
    found = [
        one.get("points") for one in root.iter("{http://www.w3.org/2000/svg}polygon") if one.get("stroke") == colour
    ]
    return [np.array([pair.split(",") for pair in points.split()], float) for points in found]


def test_files_are_up_to_date(script: Any) -> None:
    """Outlines of characters come from the font; all else is compared everywhere."""
    shapes = re.compile(r' d="[^"]*"| transform="[^"]*"')
    whole = importlib.util.find_spec("mplfonts") is not None
    if not whole:
        script.glyph = lambda char: ("", 0.0, 0.0, 1000)
    for name, draw in script.DRAWINGS.items():
        kept = (script.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        made = draw().text()
        assert made == kept if whole else shapes.sub("", made) == shapes.sub("", kept), (
            f"run docs/draw_labelling.py: {name}"
        )
    assert {path.stem for path in script.FOLDER.glob("*.svg")} == set(script.DRAWINGS)


def test_every_drawing_stands_in_the_guide_with_words(script: Any) -> None:
    page = (ROOT / "docs" / "labelling.md").read_text(encoding="utf-8")
    assert {name for text, name in re.findall(r"!\[([^\]]{20,})\]\(labelling/(\w+)\.svg\)", page)} == set(
        script.DRAWINGS
    )


@pytest.mark.parametrize("name", ["order", "bottom", "closed", "columns", "worn"])
def test_right_outlines_are_even_and_clockwise(script: ModuleType, name: str) -> None:
    found = [p for colour in (script.RIGHT, script.SKIPPED) for p in polygons(script.FOLDER / f"{name}.svg", colour)]
    assert found
    for points in found:
        assert len(points) % 2 == 0 and polygon_area(points) > 0  # tops one way, bottom edge back
        half = len(points) // 2
        across = np.linalg.norm(points[:half] - points[half:][::-1], axis=1)
        assert across.max() < 1.2 * across.min()  # each top point has its bottom point opposite
