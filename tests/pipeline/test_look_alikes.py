"""Characters that look alike, decided by the word they stand in."""

import numpy as np
import pytest

from sealkit.charset import Charset
from sealkit.modules.text_recognition.postprocess import RecResult, ctc_decode
from sealkit.pipeline.look_alikes import settled

CHARSET = Charset.from_list(["T", "e", "l", "1", "I", "0", "O", "o", "N", "5", ".", "公"], id="test")


def reading(text: str, doubts: dict[int, tuple[str, float]]) -> RecResult:
    """A text as steps of a recogniser: each character .9 likely, at some places shared with another one."""
    probabilities = np.zeros((1, 2 * len(text), CHARSET.num_classes), np.float32)
    for i, char in enumerate(text):
        other, share = doubts.get(i, ("", 0.0))
        probabilities[0, 2 * i, CHARSET.index[char]] = 0.9 * (1 - share)
        if other:
            probabilities[0, 2 * i, CHARSET.index[other]] = 0.9 * share
        probabilities[0, 2 * i + 1, 0] = 1.0
    (result,) = ctc_decode(probabilities, CHARSET)
    assert result.text == text
    return result


@pytest.mark.parametrize(
    ("text", "doubts", "expected"),
    [
        ("Te1. 0555", {2: ("l", 0.45)}, "Tel. 0555"),
        ("Te1. 0555", {2: ("I", 0.45)}, "TeI. 0555"),
        ("Te1. 0555", {2: ("l", 0.1)}, "Te1. 0555"),  # the recogniser is sure of it
        ("Te1. 0555", {}, "Te1. 0555"),
        ("N1", {1: ("l", 0.45)}, "N1"),  # too short a word to say
        ("TN15", {2: ("l", 0.45)}, "TN15"),  # digits and alphabetic characters: a number of its own kind
        ("公1公", {1: ("l", 0.45)}, "公1公"),  # no Latin word
        ("55O5", {2: ("0", 0.4)}, "5505"),
        ("55l5 Te", {2: ("1", 0.4)}, "5515 Te"),
        ("TeO", {2: ("o", 0.45)}, "TeO"),  # both alphabetic: capitals are not told apart so
    ],
)
def test_the_word_decides_what_the_recogniser_doubts(
    text: str, doubts: dict[int, tuple[str, float]], expected: str
) -> None:
    assert settled(reading(text, doubts)) == expected


def test_what_was_taken_for_what_is_told() -> None:
    result = reading("Te1", {2: ("l", 0.4)})
    ((position, other, probability),) = result.look_alikes
    assert (position, other) == (2, "l")
    assert probability == pytest.approx(0.36)


def test_readings_without_single_scores_stay() -> None:
    assert settled(RecResult("Te1", 0.9, look_alikes=((2, "l", 0.4),))) == "Te1"
