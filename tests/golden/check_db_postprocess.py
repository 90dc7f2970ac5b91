"""Goldens `dbpost/*`: one probability map decoded with two settings.

Function golden db_postprocess: probability maps to polygons, as paddlex does it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sealkit.geometry.regions import TextRegion
from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings
from tests.golden.filling import fills_as, score_room
from tests.golden.golden_arrays import ZOO_OPENCV, Golden


def check_arrays(golden: Golden) -> None:
    names = sorted({key.split("/")[1] for key in golden if key.startswith("dbpost/")} - {"map", "shape"})
    assert names, "no settings in dbpost/*"
    source = (int(golden["dbpost/shape"][0, 0]), int(golden["dbpost/shape"][0, 1]))
    maps = golden["dbpost/map"].astype(np.float32)[None]
    for name in names:
        settings = DetPostprocessSettings(rings="reference", **json.loads(str(golden[f"dbpost/{name}/settings"])))
        regions = decode(maps, source, settings)
        polygons = int_polygons(regions, source)
        counts = golden[f"dbpost/{name}/count"].tolist()
        assert [len(polygon) for polygon in polygons] == counts, name
        np.testing.assert_allclose(np.concatenate(polygons), golden[f"dbpost/{name}/points"], atol=1, err_msg=name)
        assert_same_scores(regions, golden[f"dbpost/{name}/scores"], source, maps, ZOO_OPENCV, 1e-4, name)


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tolerance = manifest["tolerance"]
    made_with = manifest["environment"]["opencv"]
    assert manifest["cases"]
    for number, case in enumerate(manifest["cases"]):
        image = cv2.imread(str(folder / "maps" / f"{case['map']}.png"), cv2.IMREAD_GRAYSCALE)
        source = (case["dest_h"], case["dest_w"])
        settings = DetPostprocessSettings(rings="reference", **case["params"])
        maps = image.astype(np.float32)[None] / 255
        regions = decode(maps, source, settings)
        found = int_polygons(regions, source)
        where = f"case {number} {case['map']} {case['params']}"
        assert len(found) == case["n"], where
        for ours, theirs in zip(found, case["polys"]):
            assert_same_polygon(ours, np.array(theirs), tolerance, where)
        assert_same_scores(regions, case["scores"], source, maps, made_with, tolerance["score_abs"], where)


def assert_same_scores(
    regions: Sequence[TextRegion],
    expected: Sequence[float] | np.ndarray,
    source: tuple[int, int],
    maps: np.ndarray,
    made_with: str,
    room: float,
    where: str,
) -> None:
    """Means of the map (1, h, w) over filled polygons: within `room`, or what an OpenCV that fills otherwise allows."""
    assert len(regions) == len(expected), where
    scale = np.array([maps.shape[2] / source[1], maps.shape[1] / source[0]])
    for region, score in zip(regions, expected):
        allowed = room if fills_as(made_with) else max(room, score_room(region.outline * scale))
        assert abs(region.score - score) <= allowed, f"{where}: {region.score}, golden {score}, allowed {allowed:.2g}"


def assert_same_polygon(ours: np.ndarray, theirs: np.ndarray, tolerance: dict, where: str) -> None:
    """Vertex by vertex; where the numbers of vertices differ, by overlap."""
    if len(ours) == len(theirs):
        assert np.abs(ours - theirs).max() <= tolerance["vertex_px"], where
        return
    from shapely.geometry import Polygon

    a, b = Polygon(ours), Polygon(theirs)
    assert a.intersection(b).area / a.union(b).area >= tolerance["polygon_iou_min"], where
