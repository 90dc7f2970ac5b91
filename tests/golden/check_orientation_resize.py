"""Goldens `ops_cls: resize/*`: short side 256, centre crop 224, normalised."""

from __future__ import annotations

import numpy as np

from sealkit.modules.doc_text_orientation.preprocess import preprocess
from tests.golden.golden_arrays import Golden


def check_arrays(golden: Golden) -> None:
    assert str(golden["resize/slice"]) == "chw[:, ::9, ::7]"
    numbers = [key.removeprefix("resize/image_rgb") for key in golden if key.startswith("resize/image_rgb")]
    assert numbers
    for number in numbers:
        found = preprocess(golden[f"resize/image_rgb{number}"][:, :, ::-1])
        # OpenCV versions may differ by one grey level
        np.testing.assert_allclose(found[:, ::9, ::7], golden[f"resize/out{number}"], atol=0.02, err_msg=number)
