"""The recogniser alone, with the weights of the rapidocr wheel."""

from pathlib import Path

import numpy as np

import sealkit
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.images import read_image
from sealkit.synth.seals.lines import write_line_set


def test_batches_give_what_one_by_one_gives(tmp_path: Path) -> None:
    write_line_set(tmp_path, 24, 7, "val.txt")
    samples, _ = read_rec_labels(tmp_path, "val.txt")
    strips = [read_image(sample.image_path) for sample in samples]
    strips += [np.ascontiguousarray(strip[:, : strip.shape[1] // 2]) for strip in strips[:8]]
    reader = sealkit.create_model("PP-OCRv6_small_rec", weights="rapidocr", engine="onnxruntime", threads=1)
    alone, together = reader.read(strips, 1), reader.read(strips, 16)
    assert [result.text for result in together] == [result.text for result in alone]
    np.testing.assert_allclose([r.score for r in together], [r.score for r in alone], atol=1e-4)
    right = sum(result.text == sample.text for result, sample in zip(alone, samples))
    assert right >= 0.75 * len(samples)
