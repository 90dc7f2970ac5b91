import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealkit.config.yamlfile import parse_inference_yml, parse_value, parse_yaml, read_yaml
from sealkit.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("3", 3),
        ("010", 10),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-2", -2),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2026-11-20", "2026-11-20"),
        ("12:30:00", "12:30:00"),
        ("[1, 2.0, a]", [1, 2.0, "a"]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("'8'", "8"),
        ("印章", "印章"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_every_key_has_its_line() -> None:
    document = parse_yaml("a: 1\nb:\n  c: 2\n  d:\n    - {e: 3}\n    - 4\n", "x.yaml")
    assert document.tree == {"a": 1, "b": {"c": 2, "d": [{"e": 3}, 4]}}
    lines = {path: mark.line for path, mark in document.marks.items()}
    assert lines[("a",)] == 1
    assert lines[("b", "c")] == 3
    assert lines[("b", "d", 0, "e")] == 5
    assert lines[("b", "d", 1)] == 6
    assert str(document.marks[("b", "d")]) == "x.yaml:4"


def test_anchors_and_merge_keys() -> None:
    document = parse_yaml("one: &one {a: 1, b: 2}\ntwo:\n  <<: *one\n  b: 3\n", "x.yaml")
    assert document.tree["two"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3", "the key 'a' is duplicated, first on line 1"),
        ("a: [1, 2\n", "x.yaml:2", "not valid YAML"),
        ("a:\n\t- 1\n", "x.yaml:2", "not valid YAML"),
        ("", "x.yaml", "the file is empty"),
        ("- 1\n- 2\n", "x.yaml:1", "a settings file is a list of `key: value` lines"),
        ("a: !!python/object:os.system ls\n", "x.yaml:1", "not valid YAML"),
        ("a: &a [*a]\n", "x.yaml:1", "nested too deep, or an alias that contains itself"),
        ("{[1]: 2}\n", "x.yaml:1", "a key must be plain text"),
    ],
)
def test_faults_name_file_and_line(text: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "x.yaml")
    assert caught.value.where == where
    assert what in caught.value.what


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "gbk.yaml").write_bytes("名: 1".encode("gbk"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(tmp_path / "gbk.yaml")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "bom.yaml").tree == {"a": 1}


def test_value_that_is_no_yaml() -> None:
    with pytest.raises(ConfigError, match="the value is not valid YAML"):
        parse_value("[1, 2")


def nested_aliases(first: str, wrap: str, levels: int = 9) -> str:
    """`wrap` holds nine aliases of the level before: 9**levels values when they are copied out."""
    lines = [f"k0: &a0 {first}"]
    lines += [f"k{n}: &a{n} {wrap.format(', '.join([f'*a{n - 1}'] * 9))}" for n in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


HOSTILE = {
    "lists": nested_aliases("[x, x, x]", "[{}]"),
    "mappings": nested_aliases("{x: 1}", "{{a: [{}]}}"),
    "merge keys": nested_aliases("{x: 1}", "{{<<: [{}]}}"),
    "merge keys with keys of their own": nested_aliases("{x: 1}", "{{<<: [{}], y: 2}}"),
    "long texts": "a: &a " + "x" * 1_000_000 + "\nb: [" + "*a, " * 1000 + "]\n",
    "a long text": "a: " + "x" * 3_000_000,
    "many values": "a: [" + "b, " * 300_000 + "]",
    "a number of 5,000 digits": "a: " + "1" * 5000,
    "a float of 5,000 digits": "a: 1." + "1" * 5000,
    "3,000 brackets": "a: " + "[" * 3000,
    "200,000 braces": "a: " + "{b: " * 200_000,
    "3,000 dashes": "a:\n" + "- " * 3000,
    "an alias in itself": "a: &a {b: *a}",
    "an unknown alias": "a: *b",
    "a float that is none": "a: !!float 'abc'",
    "an int that is none": "a: !!int '0x'",
    "a bool that is none": "a: !!bool 'maybe'",
    "a timestamp": "a: !!timestamp 'abc'",
    "binary data": "a: !!binary 'a'",
    "a set": "a: !!set {b, c}",
    "ordered pairs": "a: !!omap [b: 1]",
    "a python object": "a: !!python/object/apply:os.system [ls]",
    "a python name": "a: !!python/name:os.system ''",
    "a tag of one's own": "a: !own 1",
    "a tag without end": "a: !" + "x" * 100_000 + " b",
    "NUL": "a: \0",
    "a control character": "b: 1\na: \x07",
    "half a character": "a: \ud800",
    "two documents": "a: 1\n---\na: 2\n",
    "a merge of a text": "a: {<<: b}",
}


@pytest.mark.parametrize("read", [parse_yaml, parse_inference_yml])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_at_once(kind: str, read: Callable[[str, str], object]) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read(HOSTILE[kind], "x.yaml")
    assert time.process_time() - began < 3
    assert caught.value.where.startswith("x.yaml") and len(str(caught.value)) < 500
    if kind not in ("a long text", "half a character"):
        assert caught.value.where.startswith("x.yaml:"), "the line is told"


def test_dates_are_text_in_both() -> None:
    assert parse_yaml("a: 2020-99-99", "x").tree == {"a": "2020-99-99"} == parse_inference_yml("a: 2020-99-99", "x")


def test_the_line_of_what_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes("a: 1\nb: 2\nc: 名\n".encode("gbk"))
    with pytest.raises(ConfigError, match=r"x\.yaml:3: the file is not UTF-8"):
        read_yaml(tmp_path / "x.yaml")


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="more than 2 MiB of YAML"):
        read_yaml("/dev/zero")


def test_inference_yml_follows_yaml_1_1_as_paddlex_does() -> None:
    text = "a: yes\nb: off\nc: 010\nd: 0x1F\ne: 1_000\nf: 1e-4\ng: 1.0e-4\nh: '9'\ni: =\nj: ~\nk: {<<: {l: 1}, m: .5}\n"
    wanted = {"a": True, "b": False, "c": 8, "d": 31, "e": 1000, "f": "1e-4", "g": 1e-4, "h": "9", "i": "=", "j": None}
    assert parse_inference_yml(text, "x") == {**wanted, "k": {"l": 1, "m": 0.5}}


def test_aliases_within_the_limits_are_copied() -> None:
    document = parse_yaml("a: &a {b: &b [1, 2]}\nc: *a\nd: {<<: [*a, {e: 1, b: 3}], f: *b}\n", "x.yaml")
    assert document.tree == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": {"b": [1, 2], "e": 1, "f": [1, 2]}}
    assert document.tree["a"]["b"] is not document.tree["c"]["b"]
    assert document.marks[("c", "b", 1)].line == 1 and document.marks[("d", "f")].line == 3


PIECES = """a: |b: |- |? |\n|\n  |[|]|{|}|, |&x |*x|<<: |>\n|'|"|!!float |!!int |!!timestamp |!!set |!x |1|1e5|.inf|0x1
|1:2:3|~|true|#|---\n|...\n|%YAML 1.1\n|\t|\0|\x85|\ufeff|印|\\x|=|@|`|010|1_0""".replace("0x1\n", "0x1").split("|")
YAML_TEXT = st.lists(st.one_of(st.sampled_from([*PIECES, "|\n"]), st.text(max_size=5)), max_size=25).map("".join)


def check_text(text: str) -> None:
    """Only ConfigError comes out, or plain values."""
    for read in (parse_value, lambda t: parse_yaml(t, "x").tree, lambda t: parse_inference_yml(t, "x")):
        try:
            found = read(text)
        except ConfigError as error:
            assert len(str(error)) < 1000
        else:
            assert_plain(found)


def assert_plain(value: object) -> None:
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        list(map(assert_plain, value.values()))
    elif isinstance(value, list):
        list(map(assert_plain, value))
    else:
        assert value is None or type(value) in (bool, int, float, str)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(YAML_TEXT)
def test_odd_texts(text: str) -> None:
    check_text(text)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(YAML_TEXT)
def test_ten_thousand_odd_texts(text: str) -> None:
    check_text(text)
