"""Goldens `dbpost/*`: one probability map decoded with two settings."""

from __future__ import annotations

import json

import numpy as np
from golden_arrays import Golden

from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings


def check(golden: Golden) -> None:
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
