"""Texts as labels of the CTC head and of the auxiliary heads."""

from __future__ import annotations

from typing import Any

import pytest

from sealkit.charset import Charset, nrtr_map, sar_map
from sealkit.modules.text_recognition.labels import LineLabels

CHARSET = Charset.from_list(["a", "b", "c"])  # classes: blank, a, b, c, space


def encoded(labels: LineLabels, text: str) -> dict[str, Any]:
    made = labels.encode(text)
    assert not isinstance(made, str), made
    return made


def test_lengths_depend_on_the_auxiliary_head() -> None:
    assert LineLabels(CHARSET, None, 5).longest == 5
    assert LineLabels(CHARSET, "nrtr", 5).longest == 3
    assert encoded(LineLabels(CHARSET, None, 5), "abcab")["length"] == 5
    assert LineLabels(CHARSET, "sar", 5).encode("abca") == "4 characters, more than 3"


@pytest.mark.parametrize(("text", "reason"), [("", "the text is empty"), ("甪", "no character of the text is in")])
def test_reasons(text: str, reason: str) -> None:
    assert reason in LineLabels(CHARSET).encode(text)


def test_unknown_characters_are_left_out() -> None:
    made = encoded(LineLabels(CHARSET, "nrtr", 6), "a甪 b")
    assert made["label_ctc"].tolist() == [1, 4, 2, 0, 0, 0] and made["length"] == 3
    assert made["label_nrtr"].tolist() == [2, 4, 7, 5, 3, 0]


def test_auxiliary_heads_follow_the_characters_into_another_charset() -> None:
    new = Charset.from_list(["c", "x", "a"])
    classes = CHARSET.class_map(new)
    assert classes == {0: 0, 1: 3, 3: 1, 4: 4}
    assert nrtr_map(classes) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 6, 6: 4, 7: 7}
    old, size = CHARSET.num_classes, new.num_classes
    assert sar_map(classes, old, size) == {4: 4, 5: 5, 6: 6, 0: 2, 2: 0, 3: 3}
