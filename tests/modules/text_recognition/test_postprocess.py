"""CTC decoding."""

from collections.abc import Sequence

import numpy as np
import pytest

from sealkit.charset import Charset
from sealkit.errors import CharsetError
from sealkit.modules.text_recognition.postprocess import ctc_decode

CHARSET = Charset.from_list(["a", "b"])


def probabilities(path: Sequence[int], p: float = 0.7) -> np.ndarray:
    out = np.full((len(path), 4), (1 - p) / 3, np.float32)
    out[np.arange(len(path)), path] = p
    return out


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ([0, 1, 1, 0, 1, 2, 2, 0], "aab"),
        ([1, 1, 1], "a"),
        ([0, 0], ""),
        ([3, 0, 1, 3], " a "),
        ([2, 0, 0, 2], "bb"),
    ],
)
def test_repeats_merge_and_blanks_part(path: list[int], text: str) -> None:
    (result,) = ctc_decode(probabilities(path), CHARSET)
    assert result.text == text and result.num_steps == len(path)
    assert result.score == pytest.approx(0.7 if text else 0.0)


def test_score_is_the_mean_of_the_first_step_of_each_run() -> None:
    rows = np.stack([probabilities([1, 1, 0, 2]), probabilities([0, 0, 0, 0])])
    rows[0, 1] = [0, 1, 0, 0]  # the second step of a run does not count
    first, second = ctc_decode(rows, CHARSET)
    assert first.score == pytest.approx(0.7) and first.steps == ((0, 1), (3, 3)) and len(first.char_scores) == 2
    assert (second.text, second.score) == ("", 0.0)


def test_a_charset_of_another_width_is_refused() -> None:
    with pytest.raises(CharsetError, match=r"rec\.onnx: the network has 5 classes .* needs 4"):
        ctc_decode(np.zeros((1, 3, 5), np.float32), CHARSET, where="rec.onnx")
    with pytest.raises(CharsetError, match="batch, steps, classes"):
        ctc_decode(np.zeros((1, 1, 3, 4), np.float32), CHARSET)
