"""Goldens `dbpost/*`: one probability map decoded with two settings.

Function golden db_postprocess: probability maps to polygons, as paddlex does it.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings
from tests.golden.golden_arrays import Golden


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
        # OpenCV's versions differ in a few edge pixels of a filled polygon
        np.testing.assert_allclose([r.score for r in regions], golden[f"dbpost/{name}/scores"], atol=5e-4)


# OpenCV 5 fills a few edge pixels of a polygon otherwise than 4.10, with which the goldens were made (27 of 56,000 at
# most): polygons stay identical, a mean over the filled pixels moves by up to 4e-4.
OTHER_RASTER_SCORE = 5e-4


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tolerance = manifest["tolerance"]
    same_raster = cv2.__version__.startswith(manifest["environment"]["opencv"].rsplit(".", 1)[0] + ".")
    room = tolerance["score_abs"] if same_raster else OTHER_RASTER_SCORE
    assert manifest["cases"]
    for number, case in enumerate(manifest["cases"]):
        image = cv2.imread(str(folder / "maps" / f"{case['map']}.png"), cv2.IMREAD_GRAYSCALE)
        source = (case["dest_h"], case["dest_w"])
        settings = DetPostprocessSettings(rings="reference", **case["params"])
        regions = decode(image.astype(np.float32)[None] / 255, source, settings)
        found = int_polygons(regions, source)
        where = f"case {number} {case['map']} {case['params']}"
        assert len(found) == case["n"], where
        for ours, theirs in zip(found, case["polys"]):
            assert_same_polygon(ours, np.array(theirs), tolerance, where)
        scores = [region.score for region in regions]
        np.testing.assert_allclose(scores, case["scores"], atol=room, err_msg=where)


def assert_same_polygon(ours: np.ndarray, theirs: np.ndarray, tolerance: dict, where: str) -> None:
    """Vertex by vertex; where the numbers of vertices differ, by overlap."""
    if len(ours) == len(theirs):
        assert np.abs(ours - theirs).max() <= tolerance["vertex_px"], where
        return
    from shapely.geometry import Polygon

    a, b = Polygon(ours), Polygon(theirs)
    assert a.intersection(b).area / a.union(b).area >= tolerance["polygon_iou_min"], where
