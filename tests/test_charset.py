"""Charsets: class numbers, files refused with line numbers, charsets of existing weights."""

from pathlib import Path

import pytest

from sealkit.charset import Charset
from sealkit.errors import CharsetError


def test_classes_are_blank_characters_space() -> None:
    charset = Charset.from_list(["印", "章", "1"])
    assert charset.classes == ("", "印", "章", "1", " ")
    assert charset.num_classes == 5
    assert charset.encode("1 章") == [3, 4, 2]
    assert charset.decode([0, 3, 4, 2]) == "1 章"


def test_without_space() -> None:
    charset = Charset.from_list(["a", "b"], space=False)
    assert charset.num_classes == 3
    with pytest.raises(CharsetError, match="' '"):
        charset.encode("a b")


def test_unknown_characters_are_all_named() -> None:
    with pytest.raises(CharsetError, match=r"labels.txt:3: 2 character\(s\).*'xy'"):
        Charset.from_list(["a"]).encode("axyx", where="labels.txt:3")


def test_file_round_trip_and_hash(tmp_path: Path) -> None:
    charset = Charset.from_list(["~", "0", "=", "印"])
    charset.save(tmp_path / "keys.txt")
    read = Charset.from_file(tmp_path / "keys.txt")
    assert read.characters == charset.characters and read.id == "keys" and read.hash == charset.hash
    assert Charset.from_list(["0", "~", "=", "印"]).hash != charset.hash
    assert Charset.from_dict(read.to_dict()) == read
    with pytest.raises(CharsetError, match="hash"):
        Charset.from_dict({**read.to_dict(), "hash": "0"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xef\xbb\xbfa\nb\n", "keys.txt:1: starts with a byte order mark"),
        ("a\n不\n".encode("utf-16"), r"(?s)keys.txt:1: is UTF-16.*iconv -f UTF-16 -t UTF-8"),
        (b"a\nb\r\nc\n", "keys.txt:2: has Windows line ends"),
        (b"a\n\xff\n", "keys.txt:2: is not UTF-8 "),
        (
            "a\n印\n章\n".encode("gbk"),
            r"(?s)keys.txt:3: is not UTF-8; it can be read as GBK.*iconv -f GB18030 -t UTF-8",
        ),
        (b"", "has no characters"),
    ],
)
def test_bad_files_are_refused_with_the_line(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "keys.txt").write_bytes(data)
    with pytest.raises(CharsetError, match=message):
        Charset.from_file(tmp_path / "keys.txt")


def test_a_line_without_its_end_is_one_class_whatever_it_holds(tmp_path: Path) -> None:
    lines = ["a", " ", "", "b", "\u3000", "p\t", "bc", "a", "", "印 ", "\u2028", "", "#"]
    (tmp_path / "keys.txt").write_bytes("\n".join(lines).encode())
    charset = Charset.from_file(tmp_path / "keys.txt")
    assert charset.classes == ("", *lines, " ") and charset.num_classes == len(lines) + 2
    assert charset.index[" "] == len(lines) + 1, "the appended space"
    assert charset.index["a"] == 8, "the last of duplicates, as weights were trained"
    assert charset.encode("a b#") == [8, 14, 4, 13] and charset.decode([6, 7, 2]) == "p\tbc "
    assert charset.unknown("bcp") == ["c", "p"], "lines of several characters are never targets"
    assert len(charset.notes) == 4 and "line 6: 'p\\t'" in " ".join(charset.notes)
    charset.save(tmp_path / "again.txt")
    assert Charset.from_file(tmp_path / "again.txt", id="keys") == charset
    assert Charset.from_dict(charset.to_dict()).classes == charset.classes
    assert charset.extend("c").classes == ("", *lines, "c", " ")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CharsetError, match="cannot read the dictionary"):
        Charset.from_file(tmp_path / "none.txt")


def test_existing_weights_keep_their_class_numbers() -> None:
    charset = Charset.from_inference(["a", "b", "a", " "], where="inference.yml")
    assert charset.num_classes == 6 and len(charset.notes) == 2
    assert charset.index["a"] == 3 and charset.index[" "] == 5  # the last of duplicates, as they were trained
    assert Charset.from_inference("0123", where="inference.yml").characters == ("0", "1", "2", "3")
    with pytest.raises(CharsetError, match="no character list"):
        Charset.from_inference(None, where="inference.yml")
    assert Charset.from_onnx_metadata({"character": "a\nb"}, where="x.onnx").num_classes == 4


def test_extend_keeps_old_numbers_and_maps_classes() -> None:
    old = Charset.from_list(["a", "b"])
    new = old.extend("bcb d")
    assert new.characters == ("a", "b", "c", "d")
    assert old.class_map(new) == {0: 0, 1: 1, 2: 2, 3: 5}


def test_head_width_is_checked() -> None:
    Charset.from_list(["a"]).check_width(3, where="model")
    with pytest.raises(CharsetError, match=r"has 9 classes .* needs 3"):
        Charset.from_list(["a"]).check_width(9, where="model")
