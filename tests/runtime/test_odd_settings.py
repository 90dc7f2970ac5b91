"""inference.yml of strangers: any value in any place, and only an error that names the file may come out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealkit.errors import EngineError, SealkitError
from sealkit.modules.doc_text_orientation.predictor import ori_input
from sealkit.modules.layout_detection.predictor import file_options, layout_rules
from sealkit.modules.seal_text_detection.spec import DetectorSpec, det_input, fixed_size
from sealkit.modules.text_recognition.predictor import rec_charset, rec_resize
from sealkit.pipeline.check_folder import module_said
from sealkit.runtime.files import ModelMeta
from tests.inference_ymls import ORIENTATION

NORMALISE = {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "scale": "1./255.", "order": "hwc"}
DETECTION = {
    "Global": {"model_name": "PP-OCRv4_mobile_seal_det"},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"img_mode": "BGR"}},
            {"DetResizeForTest": {"resize_long": 736, "image_shape": [640, 640]}},
            {"NormalizeImage": NORMALISE},
            {"KeepKeys": None},
        ]
    },
    "PostProcess": {"name": "DBPostProcess", "thresh": 0.2, "box_thresh": 0.6, "unclip_ratio": 0.5, "box_type": "poly"},
    "Sealkit": {"postprocess": {"thresh": 0.3}, "resize": {"limit_side_len": 640}},
}
RECOGNITION = {
    "Global": {"model_name": "PP-OCRv4_mobile_rec"},
    "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 48, 320]}}]},
    "PostProcess": {"name": "CTCLabelDecode", "character_dict": ["a", "b", "印"]},
}
LAYOUT = {
    "Global": {"model_name": "PicoDet_layout_1x"},
    "draw_threshold": 0.5,
    "label_list": ["text", "seal"],
    "Preprocess": [
        {"type": "Resize", "target_size": [800, 608], "interp": 2, "keep_ratio": False},
        {"type": "NormalizeImage", "mean": [0.5] * 3, "std": [0.2] * 3, "is_scale": True},
        {"type": "Permute"},
    ],
}
Reader = Callable[[ModelMeta], object]
READERS: list[Reader] = [
    det_input, DetectorSpec.of_model, DetectorSpec.of_pipeline, fixed_size, rec_charset, rec_resize, ori_input,
    layout_rules, file_options,
]  # fmt: skip
RAW: list[Reader] = [module_said, lambda meta: meta.model_name, lambda meta: meta.transform_ops]
READERS += RAW
TREES = [DETECTION, RECOGNITION, ORIENTATION, LAYOUT]
ODD: list[Any] = [None, True, 0, -1, 10**9, 10**400, math.nan, math.inf, "", "abc", "nan", "1e999", "1/0", "9**9**9"]
ODD += [
    "(" * 50,
    [],
    {},
    [[]],
    {"a": 1},
    [1, 2],
    ["a"] * 3,
    [math.nan] * 3,
    [None] * 3,
    [10**9] * 3,
    {"transform_ops": 1},
]


def places(tree: Any, path: tuple = ()) -> list[tuple]:
    """The path of every value."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]


def changed(tree: Any, path: tuple, value: Any) -> Any:
    made = copy.deepcopy(tree)
    target = made
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return made


def check_readers(tree: Any) -> None:
    for reader in READERS:
        try:
            found = reader(ModelMeta("model/inference.yml", tree))
        except SealkitError as error:
            assert "model/inference.yml" in str(error) and len(str(error)) < 1000
        else:
            assert reader in RAW or all(map(math.isfinite, numbers(found))), found


def numbers(value: Any) -> list[float]:
    """All floats in settings."""
    if isinstance(value, float):
        return [value]
    inside = value if isinstance(value, (tuple, list)) else vars(value).values() if hasattr(value, "__dict__") else ()
    return [number for item in inside for number in numbers(item)]


@pytest.mark.parametrize("tree", TREES, ids=["detection", "recognition", "orientation", "layout"])
def test_every_odd_value_in_every_place(tree: Any) -> None:
    for path in places(tree):
        for value in ODD:
            check_readers(changed(tree, path, value))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
CASES = st.sampled_from([(tree, path) for tree in TREES for path in places(tree)])


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(CASES, VALUES)
def test_ten_thousand_values(case: tuple[Any, Any], value: Any) -> None:
    check_readers(changed(*case, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("thresh", "high", r"thresh: .*\(got 'high'\)"),
        ("thresh", math.nan, r"thresh: .*\(got nan\)"),
        ("box_thresh", 3, r"box_thresh: .*\(got 3\)"),
        ("unclip_ratio", [1], r"unclip_ratio: "),
        ("max_candidates", 0, r"max_candidates: "),
    ],
)
def test_the_key_and_the_value_are_named(key: str, value: Any, message: str) -> None:
    tree = changed(DETECTION, ("PostProcess", key), value)
    del tree["Sealkit"]
    with pytest.raises(EngineError, match=r"model/inference\.yml: a setting cannot be used: " + message):
        DetectorSpec.of_model(ModelMeta("model/inference.yml", tree))


def test_the_settings_of_a_sound_file_arrive() -> None:
    meta = ModelMeta("x", DETECTION)
    assert det_input(meta).scale == pytest.approx(1 / 255) and det_input(meta).mean == (0.5, 0.5, 0.5)
    spec = DetectorSpec.of_model(meta)
    assert (spec.postprocess.thresh, spec.changed({"thresh": 0.1}).postprocess.thresh) == (0.3, 0.1)
    assert spec.postprocess.box_thresh == 0.6 and spec.resize.limit_side_len == 640
    assert rec_resize(ModelMeta("x", RECOGNITION)).image_shape == (3, 48, 320)
