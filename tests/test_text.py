"""Hints for unknown names, and how texts are compared."""

from __future__ import annotations

import pytest

from sealkit.text import character_error_rate, comparable, did_you_mean, edit_distance, is_cjk, script_of, similarity

NAMES = ["train", "eval", "export"]


@pytest.mark.parametrize(
    ("name", "more", "hint"),
    [
        ("trian", {}, "did you mean train?"),
        ("trian", {"also": "commands: a, b"}, "did you mean train? commands: a, b"),
        ("trian", {"otherwise": "commands: a, b", "prefix": "cli."}, "did you mean cli.train?"),
        ("expo", {"limit": 3, "cutoff": 30}, "did you mean export?"),
        ("zzz", {"also": "commands: a, b"}, "commands: a, b"),
        ("zzz", {"otherwise": "commands: a, b"}, "commands: a, b"),
        ("zzz", {}, ""),
    ],
)
def test_a_hint_names_what_is_near(name: str, more: dict, hint: str) -> None:
    assert did_you_mean(name, NAMES, **more) == hint


def test_several_near_names_are_joined_with_or() -> None:
    assert did_you_mean("seal_det", ["seal_det_a", "seal_det_b"], limit=2) == "did you mean seal_det_a or seal_det_b?"


def test_distances_are_over_the_longer_text_and_rates_over_the_truth() -> None:
    assert edit_distance("ab", "abcd") == 0.5 and similarity("ab", "abcd") == 0.5
    assert edit_distance("", "") == 0.0 and similarity("", "") == 1.0
    assert character_error_rate("abcdefgh", "ab") == 3 and character_error_rate("a", "") == 1


def test_texts_are_compared_without_blanks_case_width_and_punctuation() -> None:
    assert comparable(" Ａb（有限）·公司\n■") == "AB有限公司"


def test_is_cjk() -> None:
    assert is_cjk("印") and not is_cjk("A") and not is_cjk("（")


@pytest.mark.parametrize(
    ("text", "script"),
    [("发票章", "han"), ("Seal", "latin"), ("3301", "digits"), ("３", "fullwidth"), ("章A", "mixed"), ("—", "symbols")],
)
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script
