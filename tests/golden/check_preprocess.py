"""Function golden preprocess: orientation's input and classes, unwarping's pixels, layout's resize."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


def check_orientation(case: Mapping[str, Any], arrays: Arrays, tolerance: Mapping[str, float]) -> None:
    from sealkit.modules.doc_text_orientation.preprocess import resize, resize_short, to_input
    from sealkit.modules.doc_text_orientation.settings import OriResizeSettings

    # stored in the order the network takes them, RGB; sizes and pixels do not depend on it
    image = arrays[f"{case['arrays']}_in"]
    assert image.shape == (case["src_h"], case["src_w"], 3)
    settings = OriResizeSettings()
    assert resize_short(image, settings.resize_short).shape[:2] == (case["resized_h"], case["resized_w"])
    found, expected = resize(image, settings), arrays[f"{case['arrays']}_u8"]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance["pixels_abs"], case["arrays"]
    values = to_input(expected[:, :, ::-1])
    np.testing.assert_allclose(values.mean(), case["normalised_mean"], atol=tolerance["float_abs"])
    np.testing.assert_allclose(values[:, 0, 0], case["normalised_first"], atol=tolerance["float_abs"])


def check_unwarping(case: Mapping[str, Any], arrays: Arrays, tolerance: Mapping[str, float]) -> None:
    """Equal inside 0..1; outside the manifest allows clipping in place of the reference's wrapping."""
    from sealkit.modules.image_unwarping.postprocess import to_pixels

    values = np.asarray(case["network_values"], np.float32)
    expected = np.asarray(case["reference_uint8"], np.uint8)
    found = to_pixels(values)
    inside = (values >= 0) & (values <= 1)
    np.testing.assert_array_equal(found[inside], expected[inside])
    np.testing.assert_array_equal(found[~inside], np.where(values[~inside] < 0, 0, 255))


def check_topk(case: Mapping[str, Any], arrays: Arrays, tolerance: Mapping[str, float]) -> None:
    """Scores and, where the golden's probabilities differ, ids and labels: the order of equal ones is not promised."""
    from sealkit.modules.doc_text_orientation.models import LABELS
    from sealkit.modules.doc_text_orientation.postprocess import top_classes

    rows = np.asarray(case["probabilities"], np.float32)
    for row, ids, scores, labels in zip(rows, case["class_ids"], case["scores"], case["labels"]):
        found = top_classes(row, case["topk"], LABELS)
        np.testing.assert_allclose(found.scores, scores, atol=tolerance["float_abs"])
        tops = np.sort(row)[::-1]
        sure = [i for i in range(case["topk"]) if (row == tops[i]).sum() == 1]
        assert [found.class_ids[i] for i in sure] == [ids[i] for i in sure]
        assert [found.label_names[i] for i in sure] == [labels[i] for i in sure]
        assert [LABELS[i] for i in found.class_ids] == found.label_names


def check_layout(case: Mapping[str, Any], arrays: Arrays, tolerance: Mapping[str, float]) -> None:
    from tests.golden import check_layout_resize

    check_layout_resize.check_case(case, arrays, tolerance)


KINDS = {
    "doc_orientation": check_orientation,
    "unwarp_output_to_uint8": check_unwarping,
    "topk": check_topk,
    "layout_resize_cubic": check_layout,
}


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    arrays = np.load(folder / "arrays.npz")
    kinds = {case["kind"] for case in manifest["cases"]}
    assert kinds and kinds <= KINDS.keys(), kinds
    for case in manifest["cases"]:
        KINDS[case["kind"]](case, arrays, manifest["tolerance"])
