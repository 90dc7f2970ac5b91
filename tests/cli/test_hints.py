"""Commands that messages name exist, and work as they are written."""

import re
import shutil
import struct
import zlib
from pathlib import Path

import pytest

from sealkit.cli import COMMANDS, main, make_parser
from sealkit.cli.completion import words_of
from sealkit.config.find import shipped
from sealkit.config.schema import leaf_keys
from sealkit.errors import SealkitError
from sealkit.modules.recipe import load_recipe
from sealkit.pipeline.settings import SealRecognitionSettings
from tests.cli.hints import HOLE, commands, messages

NAMED = list(commands())
VALUES = {"--module": "seal_text_detection", "--from": "labelme", "--labels": "train.txt"}
"""What a hole after a flag is filled with; elsewhere it is a path."""
NEEDS_A_RUN = {"train", "eval", "export", "infer", "serve", "average"}
"""Commands that train, or need a trained model, a service or an image: their lines are parsed only."""
FILES = {"txt", "json", "jsonl", "yaml", "yml", "py", "html", "csv", "onnx", "png", "jpg", "log", "mdb", "safetensors"}
"""Endings that make a file name of what looks like a dotted key."""


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    return words_of(make_parser(COMMANDS))


def split(words: list[str], known: dict[str, list[str]]) -> tuple[str, list[str]]:
    """(command path, the rest)."""
    depth = max(n for n in (1, 2) if n == 1 or f" {' '.join(words[:n])}" in known)
    return f" {' '.join(words[:depth])}", words[depth:]


def filled(words: list[str], place: str) -> list[str]:
    return [
        VALUES.get(before, place) if word == HOLE else word.replace(HOLE, place)
        for before, word in zip(["", *words], words)
    ]


def is_whole(rest: list[str]) -> bool:
    """Whether it is a line to type, not the mention of a command or of a flag that takes a value."""
    return bool(rest) and (not rest[-1].startswith("--") or rest[-1] in ("--help", "--resume"))


def test_many_are_found_and_wrong_ones_would_be() -> None:
    assert len(NAMED) > 40 and len({words[0] for _, words in NAMED}) >= 8


@pytest.mark.parametrize(
    ("where", "words"), NAMED, ids=lambda value: " ".join(value) if isinstance(value, list) else value
)
def test_a_command_of_a_message_exists_and_parses(where: str, words: list[str], known: dict[str, list[str]]) -> None:
    path, rest = split(words, known)
    assert words[0] in COMMANDS and path in known
    flags = [word.partition("=")[0] for word in rest if word.startswith("--") and HOLE not in word]
    assert set(flags) <= set(known[path]), where
    if is_whole(rest):
        try:
            make_parser([words[0]]).parse_args(filled(words, "x"))
        except SystemExit as ended:  # --help
            assert ended.code == 0
        except SealkitError as error:
            pytest.fail(f"{where}: {error}")


def runnable() -> list[list[str]]:
    lines = {" ".join(words): words for _, words in NAMED if words[0] not in NEEDS_A_RUN}
    return [words for words in lines.values() if words in (["models"], ["doctor"]) or is_whole(words[2:])]


@pytest.mark.slow
@pytest.mark.parametrize("words", runnable(), ids=" ".join)
def test_a_command_of_a_message_runs(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """On a copy of the toy set. A finding in the data is an answer, too; a refused command line is not."""
    shutil.copytree(request.config.rootpath / "datasets" / "toy", tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    words = [{"NAME": "seal_recognition", "PATH": "copy.yaml"}.get(word, word) for word in filled(words, "set")]
    code: object
    try:
        code = main(words)
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code in (0, 1, 3), said
    assert "unknown argument" not in said and "required" not in said


def settings_keys() -> set[str]:
    """Dotted keys of every module's recipes and of the pipeline, blocks too."""
    kinds = {type(load_recipe(path).settings) for path in shipped("recipes").values()} | {SealRecognitionSettings}
    return {".".join(map(str, key)) for kind in kinds for key in leaf_keys(kind)}


def test_settings_that_messages_name_exist() -> None:
    known = settings_keys()
    blocks = {key.partition(".")[0] for key in known if "." in key}
    found = set()
    for where, text in messages():
        for key in re.findall(rf"(?<![\w./-])((?:{'|'.join(blocks)})\.[a-zA-Z_]+)(?![\w(./])", text):
            if key.rpartition(".")[2] not in FILES:
                found.add(key)
                assert any(one == key or one.startswith(f"{key}.") for one in known), f"{where}: {key}"
    assert len(found) > 10


def test_hints_about_large_images_name_nothing_that_infer_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 14_000, 13_000, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    (tmp_path / "large.png").write_bytes(png + b"\0\0\0\0IEND\xaeB`\x82")
    assert main(["infer", str(tmp_path / "large.png")]) == 3
    hint = capsys.readouterr().err.partition("next: ")[2]
    assert "scale it down" in hint and "in Python, read_image(path, max_pixels" in hint
