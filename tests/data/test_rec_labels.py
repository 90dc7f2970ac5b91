"""Label files of strips: everything sound is read, everything else is said once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.labels.recognition import read_rec_labels
from sealkit.errors import DataError
from sealkit.modules.text_recognition.check import check_dataset


def write(folder: Path, data: bytes | str, name: str = "train.txt") -> Path:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def test_texts_are_taken_as_they_are(tmp_path: Path) -> None:
    samples, problems = read_rec_labels(write(tmp_path, 'a/1.png\t 印 章 \nb 2.png\t{"x"}\n'), "train.txt")
    assert [(s.image_path, s.text, s.where) for s in samples] == [
        (tmp_path / "a/1.png", " 印 章 ", "train.txt:1"),
        (tmp_path / "b 2.png", '{"x"}', "train.txt:2"),
    ]
    assert not problems


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("a.png 印章", "bad-separator"),
        ("a.png\t印\t章", "bad-separator"),
        ("印章", "bad-separator"),
        ("\t印章", "no-path"),
        ("a.png\t", "empty-text"),
        ("a.png\t\u3000 ", "empty-text"),
        ("a.png\t印\ufffd", "lost-text"),
        ("a\x00.png\t印", "control-character"),
        ('["a.png", "b.png"]\t印', "several-images"),
        ('a.png\t[{"transcription": "印", "points": [[0, 0]]}]', "not-recognition"),
    ],
)
def test_a_bad_line_is_one_error_and_no_sample(tmp_path: Path, line: str, kind: str) -> None:
    samples, problems = read_rec_labels(write(tmp_path, f"ok.png\t好\n{line}\nok2.png\t好\n"), "train.txt")
    assert [s.text for s in samples] == ["好", "好"]
    assert [(p.code, p.where, p.severity) for p in problems] == [(kind, "train.txt:2", "error")]
    assert problems[0].hint


def test_bytes_lost_in_one_line_do_not_spoil_the_others(tmp_path: Path) -> None:
    data = "1.png\t印章\n2.png\t公司\n".encode() + b"3.png\t\xb9\xab\xd5\xc2\n" + "4.png\t合同\n".encode()
    samples, problems = read_rec_labels(write(tmp_path, data), "train.txt")
    assert [s.text for s in samples] == ["印章", "公司", "合同"]
    assert [(p.code, p.where) for p in problems] == [("encoding", "train.txt"), ("lost-text", "train.txt:3")]


@pytest.mark.parametrize("lost", range(12))
def test_a_byte_lost_in_a_short_file_is_no_other_encoding(tmp_path: Path, lost: int) -> None:
    """Whichever byte of the text; most bytes of UTF-8 without it are sound GB18030, of other characters."""
    text = "合同专用".encode()
    data = b"1.png\t" + text[:lost] + text[lost + 1 :] + b"\n2.png\tABC\n"
    samples, problems = read_rec_labels(write(tmp_path, data), "train.txt")
    assert [s.text for s in samples] == ["ABC"] and "lost-text" in [p.code for p in problems]


def test_a_whole_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    samples, problems = read_rec_labels(write(tmp_path, "1.png\t印章\n2.png\t公司\n".encode("gb18030")), "train.txt")
    assert [s.text for s in samples] == ["印章", "公司"] and [p.code for p in problems] == ["encoding"]


def test_extras(tmp_path: Path) -> None:
    write(tmp_path, "1.png\t印\n2.png\t章\n")
    extras = '{"path": "1.png", "shape": "oval", "angle": 90, "direction": "arc"}\n[]\n{"path": "2.png", "shape": 7}\n'
    samples, problems = read_rec_labels(write(tmp_path, extras, "train.extras.jsonl"), "train.txt")
    assert [(s.shape, s.angle, s.direction) for s in samples] == [("oval", 90, "arc"), (None, None, None)]
    assert [(p.code, p.where) for p in problems] == [("bad-extra", "train.extras.jsonl:2")]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such label file"):
        read_rec_labels(tmp_path, "train.txt")


DAMAGES = (
    lambda rng, path, text: f"{path} {text}",
    lambda rng, path, text: f"{path}\t{text}\t{text}",
    lambda rng, path, text: f"\t{text}",
    lambda rng, path, text: f"{path}\t",
    lambda rng, path, text: f"{path}\t{text}\x01",
    lambda rng, path, text: f"{path}\x00\t{text}",
    lambda rng, path, text: f"{path}\t{text}\ufffd",
    lambda rng, path, text: f"gone/{rng.randrange(10**6)}.png\t{text}",
    lambda rng, path, text: f"{path[: rng.randrange(1, 7)]}{rng.randrange(10**6)}\t{text}",
    lambda rng, path, text: "".join(chr(rng.randrange(0x20, 0x7F)) for _ in range(rng.randrange(1, 40))),
    lambda rng, path, text: f'["{path}"]\t{text}',
    lambda rng, path, text: f'{path}\t[{{"transcription": "{text}", "points": []}}]',
    lambda rng, path, text: f"broken_{rng.randrange(5)}.png\t{text}{rng.randrange(10**6)}",
    lambda rng, path, text: b"img\t\xff\xfe" + bytes(rng.randrange(128, 256) for _ in range(6)),
)


def test_a_thousand_damaged_lines(tmp_path: Path) -> None:
    """Seeded fuzz: no crash, each damaged line or image is one error at its line, the sound ones are all used."""
    rng = random.Random(7)
    characters = "印章公司专用合同财务"
    cells = np.random.default_rng(7)
    for number in range(5):
        junk = bytes(rng.randrange(256) for _ in range(200))
        (tmp_path / f"broken_{number}.png").write_bytes((b"", junk, b"\x89PNG\r\n\x1a\n" + junk)[number % 3])
    lines: list[bytes] = []
    good, seen = set(), 0
    bad: dict[Any, Any] = {}
    for number in range(1, 1401):
        path, text = f"img{seen}.png", "".join(rng.choice(characters) for _ in range(rng.randrange(1, 9)))
        if len(bad) < 1000 and rng.random() < 0.75:
            damage = rng.randrange(len(DAMAGES))
            made = DAMAGES[damage](rng, path, text)
            lines.append(made if isinstance(made, bytes) else made.encode())
            bad[number] = damage
        else:
            cv2.imwrite(str(tmp_path / path), cells.integers(0, 256, (16, 40, 3), dtype=np.uint8))
            seen += 1
            lines.append(f"{path}\t{text}".encode())
            good.add(number)
    assert len(bad) == 1000
    (tmp_path / "train.txt").write_bytes(b"\n".join(lines) + b"\n")
    samples, _ = read_rec_labels(tmp_path, "train.txt")
    assert good <= {int(sample.where.split(":")[1]) for sample in samples}
    report = check_dataset(tmp_path, val=None)
    errors = [p for p in report.problems if p.severity == "error" and p.code not in ("duplicate-image",)]
    places = [int(p.where.split(":")[1]) for p in errors if ":" in p.where]
    wrong = {n: [str(p) for p in errors if p.where == f"train.txt:{n}"] for n in bad if places.count(n) != 1}
    assert not wrong, list(wrong.items())[:3]
    assert set(places) == set(bad), "nothing is said of sound lines"
