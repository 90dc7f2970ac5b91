"""Which characters a run is about: dictionaries of every kind, and weights of another charset."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealkit.charset import Charset
from sealkit.errors import CharsetError, ConfigError, EngineError
from sealkit.modules.text_recognition.characters import (
    charset_of_weights,
    describe_unknown,
    from_codec,
    from_texts,
    read_dictionary,
    resolve_charset,
    twins,
    unknown_counts,
)
from sealkit.weights.checkpoint import Checkpoint, save_checkpoint
from sealkit.weights.sources import ResolvedWeights, resolve

TEXTS = ["印章", "公章 1"]


def test_from_labels_sorted_without_the_space() -> None:
    charset = from_texts(TEXTS)
    assert charset.characters == ("1", "公", "印", "章") and charset.num_classes == 6
    with pytest.raises(CharsetError):
        from_texts([" "])


@pytest.mark.parametrize(
    ("name", "count", "has"),
    [("gb2312", 7538, "印章啊"), ("ascii", 94, "~A"), ("euc_kr", 8317, "가"), ("iso8859-5", 188, "Я")],
)
def test_from_a_code_table(name: str, count: int, has: str) -> None:
    charset = read_dictionary(f"codec:{name}")
    assert len(charset.characters) == count and not charset.unknown(has)
    assert charset.characters == from_codec(name).characters, "the order is the table's, always"


def test_code_tables_that_are_none() -> None:
    for name in ("utf-8", "nonsense"):
        with pytest.raises(CharsetError, match="table"):
            from_codec(name)


def test_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("a\n印\n", encoding="utf-8")
    assert read_dictionary(str(tmp_path / "dict.txt")).characters == ("a", "印")
    yml = tmp_path / "inference.yml"
    yml.write_text("PostProcess: {name: CTCLabelDecode, character_dict: [b, '1']}", encoding="utf-8")
    assert read_dictionary(str(yml)).characters == ("b", "1")
    (tmp_path / "inference.json").write_text("{}")
    (tmp_path / "inference.pdiparams").write_bytes(b"")
    assert read_dictionary(str(tmp_path)).characters == ("b", "1")
    with pytest.raises(CharsetError, match="no such dictionary"):
        read_dictionary(str(tmp_path / "none.txt"))
    yml.write_text("PostProcess: {character_dict: [b", encoding="utf-8")
    with pytest.raises(EngineError, match="not valid YAML"):
        read_dictionary(str(yml))


def checkpoint(folder: Path, charset: Charset | None) -> ResolvedWeights:
    extras = {} if charset is None else {"charset": charset.to_dict()}
    save_checkpoint(folder, Checkpoint(weights={}, extras=extras))
    return ResolvedWeights(str(folder), folder)


def test_random_weights_need_a_dictionary() -> None:
    scratch = ResolvedWeights("scratch")
    with pytest.raises(ConfigError, match="no charset"):
        resolve_charset(scratch, None, "fail", TEXTS, "m")
    assert resolve_charset(scratch, "labels", "fail", TEXTS, "m").charset.characters == ("1", "公", "印", "章")


def test_weights_keep_their_charset(tmp_path: Path) -> None:
    known = Charset.from_list(list("章印1"), id="known")
    weights = checkpoint(tmp_path / "c", known)
    assert charset_of_weights(weights) == known
    found = resolve_charset(weights, None, "fail", TEXTS, "m")
    assert found.charset == known and not found.changed


def test_another_dictionary_is_an_error_that_explains_the_three_ways(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path / "c", Charset.from_list(list("章印1"), id="known"))
    with pytest.raises(CharsetError) as caught:
        resolve_charset(weights, "labels", "fail", TEXTS, "m")
    text = str(caught.value)
    assert "1 characters that the weights lack (公)" in text
    for way in ("charset: union", "charset: new", "charset: fail"):
        assert way in text


def test_union_and_new(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path / "c", Charset.from_list(list("章甲1"), id="known"))
    union = resolve_charset(weights, None, "union", TEXTS, "m")
    assert union.charset.characters == ("章", "甲", "1", "公", "印") and union.changed
    assert "3 characters of the weights, 2 new" in union.note
    new = resolve_charset(weights, "labels", "new", TEXTS, "m")
    assert new.charset.characters == ("1", "公", "印", "章") and new.changed


def test_dictionary_of_weights_that_carry_none(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path / "c", None)
    with pytest.raises(ConfigError, match="official model folder of m"):
        resolve_charset(weights, None, "fail", TEXTS, "m")
    (tmp_path / "d.txt").write_text("章\n甲\n", encoding="utf-8")
    found = resolve_charset(weights, str(tmp_path / "d.txt"), "union", TEXTS, "m")
    assert found.start is not None and found.start.characters == ("章", "甲")
    assert found.charset.characters == ("章", "甲", "1", "公", "印")


def test_unknown_characters_with_counts_and_places() -> None:
    charset = Charset.from_list(list("印章"))
    found = unknown_counts([("a:1", "印公"), ("a:2", "公公1")], charset)
    assert found == [("公", 3, "a:1"), ("1", 1, "a:2")]
    assert describe_unknown(found) == "'公' ×3 (a:1), '1' ×1 (a:2)"


def test_twins() -> None:
    assert twins("Aａ印⼈人") == [("⼈", "人")]
    assert twins("AＡ") == [("Ａ", "A")]


def test_the_weights_file_of_a_run_has_the_characters_of_its_checkpoint(tmp_path: Path) -> None:
    import numpy as np

    folder = tmp_path / "run" / "checkpoints" / "latest"
    charset = from_texts(TEXTS)
    arrays = {"head.weight": np.zeros((1, charset.num_classes), np.float32)}
    save_checkpoint(folder, Checkpoint(arrays, {"charset": charset.to_dict()}))
    for given in (folder / "weights.safetensors", folder, tmp_path / "run"):
        found = resolve_charset(resolve(given, "PP-OCRv6_small_rec"), None, "fail", TEXTS, "PP-OCRv6_small_rec")
        assert found.charset.characters == charset.characters
        drawn = resolve_charset(resolve(given, "PP-OCRv6_small_rec"), None, "union", (), "PP-OCRv6_small_rec")
        assert drawn.charset.characters == charset.characters and not drawn.changed, "drawn strips have no labels"
