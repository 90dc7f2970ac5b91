"""inference.yml of small models that are put in place of real ones, as the official folders have them."""

from __future__ import annotations

from typing import Any

ORIENTATION: dict[str, Any] = {
    "Global": {"model_name": "PP-LCNet_x1_0_doc_ori"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"resize_short": 64}},
            {"CropImage": {"size": 64}},
            {"NormalizeImage": {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "scale": 1 / 255}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 1, "label_list": ["0", "90", "180", "270"]}},
}
UNWARPING: dict[str, Any] = {"Global": {"model_name": "UVDoc"}}
