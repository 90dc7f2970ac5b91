"""Splits: shares kept, groups whole, shapes spread, the same seed the same split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealkit.cli import main
from sealkit.data.duplicates import Pair
from sealkit.data.records import DetSample, TextLine
from sealkit.data.split import owners, split_samples
from sealkit.errors import ConfigError, DataError
from sealkit.images import write_image
from tests.data.sets import draw_image

POINTS = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], np.float32)


def sample(name: str, *texts: str, shape: str | None = "circle") -> DetSample:
    lines = [TextLine(POINTS, "" if text == "###" else text, text == "###", shape) for text in texts]
    return DetSample(Path("set") / name, lines, f"labels.txt:{name}")


def many(count: int, owners_of: int = 1, shape: str = "circle") -> list[DetSample]:
    return [
        sample(f"{shape}_{i}.png", f"第{i // owners_of}号有限公司{shape}", "专用章", shape=shape) for i in range(count)
    ]


def test_shares_and_completeness() -> None:
    split = split_samples(many(100), {"train": 0.7, "val": 0.2, "test": 0.1})
    assert {name: len(p) for name, p in split.parts.items()} == {"train": 70, "val": 20, "test": 10}
    assert sorted(i for part in split.parts.values() for i in part) == list(range(100))
    assert split.groups == 100 and split.largest == 1


def test_images_of_one_owner_stay_together() -> None:
    samples = many(90, owners_of=3)
    split = split_samples(samples, {"train": 0.8, "val": 0.2})
    assert split.groups == 30 and split.largest == 3
    names = [{text for i in part for text in owners(samples[i])} for part in split.parts.values()]
    assert not names[0] & names[1]
    assert len(split.parts["val"]) == 18


def test_a_image_with_two_seals_joins_their_owners() -> None:
    samples = [sample("a", "甲乙丙丁公司总部"), sample("b", "戊己庚辛公司总部"), *many(6)]
    samples.append(sample("c", "甲乙丙丁公司总部", "戊己庚辛公司总部"))
    split = split_samples(samples, {"train": 0.5, "val": 0.5})
    part = next(set(p) for p in split.parts.values() if 0 in p)
    assert {0, 1, 8} <= part


def test_short_ignored_and_latin_texts_name_no_owner() -> None:
    assert owners(sample("a", "专用章", "###", "1234567890123", "COMPANY LTD", " 某某某某公司 ")) == {"某某某某公司"}


def test_rare_shapes_are_in_every_part() -> None:
    samples = many(80) + many(10, shape="oval") + many(5, shape="square")
    split = split_samples(samples, {"train": 0.8, "val": 0.2}, seed=3)
    assert split.shapes["train"] == {"circle": 64, "oval": 8, "square": 4}
    assert split.shapes["val"] == {"circle": 16, "oval": 2, "square": 1}


def test_copies_stay_together_whatever_the_rule() -> None:
    samples = many(40)
    copies = [Pair(0, 20, 1.0, True), Pair(20, 39, 0.95)]
    for seed in range(10):
        split = split_samples(samples, {"train": 0.5, "val": 0.5}, rule="none", copies=copies, seed=seed)
        assert {len({0, 20, 39} & set(part)) for part in split.parts.values()} == {0, 3}


def test_rules_folder_and_name() -> None:
    samples = [sample(f"f{i % 4}/p{i}_{i % 5}.png", "章") for i in range(20)]
    split = split_samples(samples, {"train": 0.5, "val": 0.5}, rule="folder")
    assert split.groups == 4
    assert split_samples(samples, {"train": 0.5, "val": 0.5}, rule=r"name:_(\d)").groups == 5
    listed_twice = [*samples, sample("f0/p0_0.png", "章")]
    split = split_samples(listed_twice, {"train": 0.5, "val": 0.5}, rule="none")
    assert any({0, 20} <= set(part) for part in split.parts.values())


def test_seed() -> None:
    samples = many(50)
    first = split_samples(samples, {"train": 0.8, "val": 0.2}, seed=1).parts
    assert first == split_samples(samples, {"train": 0.8, "val": 0.2}, seed=1).parts
    assert first != split_samples(samples, {"train": 0.8, "val": 0.2}, seed=2).parts


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 12), min_size=3, max_size=25), seed=st.integers(0, 99))
def test_any_groups_give_whole_and_filled_parts(sizes: list[int], seed: int) -> None:
    samples = [sample(f"{g}_{i}.png", f"第{g}号集团有限公司") for g, size in enumerate(sizes) for i in range(size)]
    split = split_samples(samples, {"train": 0.7, "val": 0.2, "test": 0.1}, seed=seed)
    assert all(split.parts.values())
    group_of = [g for g, size in enumerate(sizes) for _ in range(size)]
    found = [{group_of[i] for i in part} for part in split.parts.values()]
    assert sum(len(groups) for groups in found) == len(sizes)
    assert sorted(i for part in split.parts.values() for i in part) == list(range(len(samples)))


@pytest.mark.parametrize(
    ("shares", "rule", "error", "words"),
    [
        ({"train": 0.8, "val": 0.3}, "owner", ConfigError, "sum to 1"),
        ({"train": 1.0}, "owner", ConfigError, "sum to 1"),
        ({"train": 0.8, "val": 0.2}, "seal", ConfigError, "unknown rule"),
        ({"train": 0.8, "val": 0.2}, "name:(", ConfigError, "regular expression"),
        ({"train": 0.8, "val": 0.2}, "name:zzz", DataError, "does not match"),
        ({"train": 0.8, "val": 0.2}, "folder", DataError, "1 group"),
    ],
)
def test_messages(shares: dict[str, float], rule: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        split_samples(many(10), shares, rule=rule)


def test_too_few_images() -> None:
    with pytest.raises(DataError, match="1 images cannot be split into 2"):
        split_samples(many(1), {"train": 0.8, "val": 0.2})


def test_pages_in_folders_of_angles_go_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command as the one before it says; the whole set is in train.txt until it is split."""
    for angle in ("0", "90", "180", "270"):
        for number in range(3):
            write_image(tmp_path / "scans" / angle / f"{angle}_{number}.png", draw_image(number + 7 * int(angle)))
    assert main(["data", "check", str(tmp_path / "scans")]) == 3
    assert f"sealkit data convert {tmp_path / 'scans'} OUT\n" in capsys.readouterr().err
    out = tmp_path / "pages"
    assert main(["data", "convert", str(tmp_path / "scans"), str(out)]) == 0
    assert f"next: sealkit data split {out}" in capsys.readouterr().out
    before = sorted((out / "train.txt").read_text(encoding="utf-8").splitlines())
    assert main(["data", "split", str(out)]) == 0
    parts = [(out / f"{part}.txt").read_text(encoding="utf-8").splitlines() for part in ("train", "val")]
    assert all(parts) and sorted([*parts[0], *parts[1]]) == before and len(before) == 12
    assert f"next: sealkit data check {out}" in capsys.readouterr().out
    assert main(["data", "split", str(out)]) == 3, "a part that is there is not overwritten"


def test_a_faulty_file_is_not_split_onto_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{n}.png\t第{n}号\n" for n in range(6))
    for n in range(6):
        write_image(tmp_path / f"{n}.png", draw_image(n))
    (tmp_path / "train.txt").write_text(rows + "no tab here\n", encoding="utf-8")
    assert main(["data", "split", str(tmp_path)]) == 3
    assert "faulty lines first, or add --force" in capsys.readouterr().err
    assert (tmp_path / "train.txt").read_text(encoding="utf-8").count("\n") == 7 and not (tmp_path / "val.txt").exists()
    (tmp_path / "train.txt").write_text(rows, encoding="utf-8")
    assert main(["data", "split", str(tmp_path)]) == 0 and (tmp_path / "val.txt").is_file()
