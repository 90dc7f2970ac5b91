import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealkit.errors import WeightsError
from sealkit.weights import checkpoint
from sealkit.weights.checkpoint import (
    Checkpoint,
    copy_checkpoint,
    is_checkpoint,
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from sealkit.weights.safetensors_io import load_tensors, save_tensors
from sealkit.weights.sources import read_arrays, resolve, tags_here


def made(value: float = 1.0) -> Checkpoint:
    return Checkpoint(
        weights={"a": np.full((2, 3), value, "float32"), "n": np.array(3, "int64")},
        extras={"model": "m", "charset": ["a", "章"]},
        progress={"step": int(value)},
        optimizer={"a/moment1": np.zeros((2, 3), "float32")},
    )


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "latest", made())
    found = load_checkpoint(tmp_path / "latest")
    assert found.extras == {"model": "m", "charset": ["a", "章"]} and found.progress == {"step": 1}
    assert found.weights["n"].shape == () and found.weights["n"] == 3 and found.weights["a"].dtype == np.float32
    assert found.optimizer.keys() == {"a/moment1"} and found.training is None and found.ema is None
    assert load_checkpoint(tmp_path / "latest", weights_only=True).optimizer is None
    assert load_tensors(tmp_path / "latest/weights.safetensors")[1]["model"] == "m"


def test_arrays_that_are_not_contiguous(tmp_path: Path) -> None:
    array = np.arange(12, dtype="float32").reshape(3, 4)
    save_tensors(tmp_path / "a.safetensors", {"t": array.T, "s": array[::2]})
    found, _ = load_tensors(tmp_path / "a.safetensors")
    assert (found["t"] == array.T).all() and (found["s"] == array[::2]).all()


class Killed(BaseException):
    """As a kill: no `except Exception` of the code under test may catch it."""


@pytest.mark.parametrize("moment", range(40))
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Stops after the n-th change of the file system, for every n."""
    folder = tmp_path / "latest"
    save_checkpoint(folder, made(1))
    left = [moment]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*args, **options)

        return call

    for name in ("rename", "replace", "fsync", "mkdir", "open"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    try:
        save_checkpoint(folder, made(2))
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()
    assert is_checkpoint(folder)
    step = load_checkpoint(folder).progress["step"]
    assert step in (1, 2) and (not finished or step == 2)
    assert finished or moment < 39  # the moments cover a whole save
    save_checkpoint(folder, made(3))
    assert load_checkpoint(folder).progress["step"] == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["latest"]


def test_best_is_a_copy_that_does_not_change_with_latest(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "latest", made(1))
    copy_checkpoint(tmp_path / "latest", tmp_path / "best")
    save_checkpoint(tmp_path / "latest", made(2))
    assert load_checkpoint(tmp_path / "best").weights["a"][0, 0] == 1


def test_damage_is_noticed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", made())
    data = bytearray((tmp_path / "c/weights.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "c/weights.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="damaged checkpoint file"):
        load_checkpoint(tmp_path / "c")
    (tmp_path / "c/weights.safetensors").write_bytes(data[:-5])
    with pytest.raises(WeightsError, match="damaged checkpoint file"):
        load_checkpoint(tmp_path / "c")
    (tmp_path / "c/state.json").write_text("{")
    with pytest.raises(WeightsError, match="unreadable checkpoint state"):
        read_state(tmp_path / "c")
    (tmp_path / "c/state.json").write_text('{"format": 99}')
    with pytest.raises(WeightsError, match="format not supported"):
        read_state(tmp_path / "c")
    with pytest.raises(WeightsError, match="no checkpoint here"):
        read_state(tmp_path / "none")
    (tmp_path / "x.safetensors").write_bytes(b"123")
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_tensors(tmp_path / "x.safetensors")


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALKIT_WEIGHTS_DIR", str(tmp_path / "cache"))
    assert resolve("scratch", "m").scratch
    with pytest.raises(WeightsError) as caught:
        resolve("official", "PP-OCRv4_mobile_seal_det")
    assert "PP-OCRv4_mobile_seal_det_pretrained.pdparams" in str(caught.value) and "downloads nothing" in str(
        caught.value
    )
    (tmp_path / "cache").mkdir()
    file = tmp_path / "cache/PP-OCRv4_mobile_seal_det_pretrained.pdparams"
    file.write_bytes(b"")
    assert resolve("official", "PP-OCRv4_mobile_seal_det").path == file
    with pytest.raises(WeightsError, match="no trainable weights of this model are shipped"):
        resolve("sealkit", "no_such_model")

    run = tmp_path / "runs" / "seal_det"
    save_checkpoint(run / "checkpoints/latest", made(1))
    assert resolve(run, "m").path == run / "checkpoints/latest"
    save_checkpoint(run / "checkpoints/best", made(2))
    assert resolve(run, "m").path == run / "checkpoints/best"
    assert resolve(run / "checkpoints/latest", "m").path == run / "checkpoints/latest"


def test_the_weights_file_of_a_checkpoint_is_the_checkpoint(tmp_path: Path) -> None:
    """What the folder says of the weights (characters, classes) is known whichever of the two is named."""
    folder = tmp_path / "checkpoints/latest"
    whole = made(1)
    save_checkpoint(folder, replace(whole, training=whole.weights, ema=whole.weights, optimizer=whole.weights))
    assert resolve(folder / "weights.safetensors", "m").path == folder
    for name in ("training.safetensors", "ema.safetensors", "optimizer.safetensors"):
        with pytest.raises(WeightsError, match=rf"only to go on with its training(.|\n)*give the folder, {folder}"):
            resolve(folder / name, "m")
    alone = tmp_path / "weights.safetensors"
    alone.write_bytes((folder / "weights.safetensors").read_bytes())
    assert resolve(alone, "m").path == alone


def test_official_or_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALKIT_WEIGHTS_DIR", str(tmp_path))
    assert resolve("official_or_scratch", "m").scratch
    (tmp_path / "m_pretrained.pdparams").write_bytes(b"")
    found = resolve("official_or_scratch", "m")
    assert (found.origin, found.path) == ("official", tmp_path / "m_pretrained.pdparams")


def test_missing_weights_name_those_that_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALKIT_WEIGHTS_DIR", str(tmp_path))
    assert tags_here("PP-OCRv6_small_det")[0] == "sealkit" and tags_here("PP-OCRv4_server_rec") == []
    for tag, model, here in (
        ("official", "PP-OCRv6_small_det", "sealkit"),
        ("official", "PP-OCRv4_server_rec", "scratch (random)"),
        ("sealkit", "PP-OCRv4_server_rec", "scratch (random)"),
        ("rapid_layout", "PP-OCRv6_small_det", "sealkit"),
    ):
        with pytest.raises(WeightsError, match=rf"of {model} this machine has: {re.escape(here)}"):
            resolve(tag, model)
    (tmp_path / "PP-OCRv4_server_rec.pdparams").write_bytes(b"")
    with pytest.raises(WeightsError, match="PP-OCRv4_server_rec this machine has: official, scratch"):
        resolve("sealkit", "PP-OCRv4_server_rec")


@pytest.mark.parametrize(
    ("text", "expected"), [("sratch", "did you mean the tag `scratch`"), ("runs/sael_det", "seal_det")]
)
def test_a_missing_path_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/seal_det").mkdir(parents=True)
    with pytest.raises(WeightsError) as caught:
        resolve(text, "m")
    assert expected in str(caught.value) and "weights not found" in str(caught.value)


def test_folders_without_one_answer(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint in this folder"):
        resolve(tmp_path, "m")
    for name in ("a.safetensors", "b.pdparams"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(WeightsError, match="several weights files"):
        resolve(tmp_path, "m")


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object], checksum: bool = True) -> None:
    """state.json with `change` made to it; with a checksum that fits, unless told otherwise."""
    path = folder / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    change(state)
    if checksum:
        state.pop("sha256", None)
        state["sha256"] = checkpoint._digest(state)
    path.write_text(json.dumps(state), encoding="utf-8")


def test_an_edited_state_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", made())
    before = (tmp_path / "c/state.json").read_text(encoding="utf-8")
    rewritten(tmp_path / "c", lambda state: None, checksum=False)  # another layout of the same is no change
    assert load_checkpoint(tmp_path / "c").progress == {"step": 1}
    rewritten(tmp_path / "c", lambda state: state["progress"].update(step=9), checksum=False)
    with pytest.raises(WeightsError, match="has changed since it was written: its checksum differs"):
        load_checkpoint(tmp_path / "c")
    (tmp_path / "c/state.json").write_text(before, encoding="utf-8")
    rewritten(tmp_path / "c", lambda state: state.pop("sha256"), checksum=False)
    with pytest.raises(WeightsError, match=r"has no checksum(?s:.*)copy weights\.safetensors out of the folder"):
        load_checkpoint(tmp_path / "c")
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((tmp_path / "c/weights.safetensors").read_bytes())
    found, _ = read_arrays(resolve(copy, "m"))
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in made().weights.items()
    }, "as the message says"


@pytest.mark.parametrize("key", ["extras", "progress", "files"])
@pytest.mark.parametrize("value", [None, 1, "a", [], [[1]]])
def test_a_state_without_its_parts(tmp_path: Path, key: str, value: object) -> None:
    save_checkpoint(tmp_path / "c", made())
    rewritten(tmp_path / "c", lambda state: state.update({key: value}) if value else state.pop(key))
    with pytest.raises(WeightsError, match=f"no usable {key}"):
        load_checkpoint(tmp_path / "c")


FACTS = {"bytes": 1, "crc32": 1}
NUMBER, TEXT = 1, {"bytes": "1", "crc32": 1}
EMPTY: dict[str, Any] = {}


@pytest.mark.parametrize(
    "files",
    [*({"weights.safetensors": facts} for facts in (NUMBER, EMPTY, TEXT)), {"../state.json": FACTS}, {"/x": FACTS}],
)
def test_a_state_with_odd_files(tmp_path: Path, files: object) -> None:
    save_checkpoint(tmp_path / "c", made())
    rewritten(tmp_path / "c", lambda state: state.update(files=files))
    with pytest.raises(WeightsError, match="no usable files"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"format": ' + "1" * 5000 + "}", "\ud800", "\0", "1", "null", '{"format": 1}']
)
def test_a_state_that_is_none(tmp_path: Path, text: str) -> None:
    save_checkpoint(tmp_path / "c", made())
    (tmp_path / "c/state.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(WeightsError):
        load_checkpoint(tmp_path / "c")


def test_the_same_weights_make_the_same_bytes(tmp_path: Path) -> None:
    """The library writes metadata in an order of its own, another one each time."""
    tensors = {f"t{n}": np.arange(n, dtype="float32") for n in range(9)}
    metadata = {f"key {n}": f"章 {n}" for n in range(9)}
    for n in range(8):
        save_tensors(tmp_path / f"{n}", tensors, metadata)
    assert len({(tmp_path / f"{n}").read_bytes() for n in range(8)}) == 1
    found, said = load_tensors(tmp_path / "0")
    assert said == metadata and all((found[name] == array).all() for name, array in tensors.items())


def header(kind: str, size: int) -> bytes:
    text = json.dumps({"t": {"dtype": kind, "shape": [2], "data_offsets": [0, 2 * size]}}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(2 * size)


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1)])
def test_types_that_numpy_lacks(tmp_path: Path, kind: str, size: int) -> None:
    (tmp_path / "x.safetensors").write_bytes(header(kind, size))
    with pytest.raises(WeightsError, match=f"x.safetensors: t: the tensor is of type {kind}"):
        load_tensors(tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes(header("F32", 4))
    assert load_tensors(tmp_path / "x.safetensors")[0]["t"].tolist() == [0, 0]


def check_bytes(folder: Path, data: bytes) -> None:
    (folder / "x.safetensors").write_bytes(data)
    try:
        found, _ = load_tensors(folder / "x.safetensors")
    except WeightsError as error:
        assert len(str(error)) < 1000
    else:
        assert sum(array.nbytes for array in found.values()) <= len(data)


HEADER_BYTES = st.lists(st.tuples(st.integers(0, 160), st.integers(0, 255)), min_size=1, max_size=6)
FUZZ: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def mutated_file(changes: Sequence[tuple[int, int]]) -> bytes:
    data = bytearray(header("F32", 4))
    for place, value in changes:
        data[min(place, len(data) - 1)] = value
    return bytes(data)


@settings(max_examples=300, derandomize=True, **FUZZ)
@given(HEADER_BYTES)
def test_mutated_safetensors(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    check_bytes(tmp_path, mutated_file(changes))


@pytest.mark.slow
@settings(max_examples=10_000, **FUZZ)
@given(HEADER_BYTES)
def test_ten_thousand_mutated_safetensors(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    check_bytes(tmp_path, mutated_file(changes))
