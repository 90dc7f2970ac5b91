import pytest

from sealkit.config.yamlfile import parse_value, parse_yaml, read_yaml
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
def test_scalars_follow_yaml_1_2(text, value):
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_every_key_has_its_line():
    document = parse_yaml("a: 1\nb:\n  c: 2\n  d:\n    - {e: 3}\n    - 4\n", "x.yaml")
    assert document.tree == {"a": 1, "b": {"c": 2, "d": [{"e": 3}, 4]}}
    lines = {path: mark.line for path, mark in document.marks.items()}
    assert lines[("a",)] == 1
    assert lines[("b", "c")] == 3
    assert lines[("b", "d", 0, "e")] == 5
    assert lines[("b", "d", 1)] == 6
    assert str(document.marks[("b", "d")]) == "x.yaml:4"


def test_anchors_and_merge_keys():
    document = parse_yaml("one: &one {a: 1, b: 2}\ntwo:\n  <<: *one\n  b: 3\n", "x.yaml")
    assert document.tree["two"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3", "the key 'a' stands twice, first on line 1"),
        ("a: [1, 2\n", "x.yaml:2", "not valid YAML"),
        ("a:\n\t- 1\n", "x.yaml:2", "not valid YAML"),
        ("", "x.yaml", "the file is empty"),
        ("- 1\n- 2\n", "x.yaml:1", "a settings file is a list of `key: value` lines"),
        ("a: !!python/object:os.system ls\n", "x.yaml:1", "not valid YAML"),
        ("a: &a [*a]\n", "x.yaml:1", "nested too deep, or an alias that contains itself"),
        ("{[1]: 2}\n", "x.yaml:1", "a key must be plain text"),
    ],
)
def test_faults_name_file_and_line(text, where, what):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "x.yaml")
    assert caught.value.where == where
    assert what in caught.value.what


def test_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "gbk.yaml").write_bytes("名: 1".encode("gbk"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(tmp_path / "gbk.yaml")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "bom.yaml").tree == {"a": 1}


def test_value_that_is_no_yaml():
    with pytest.raises(ConfigError, match="the value is not valid YAML"):
        parse_value("[1, 2")
