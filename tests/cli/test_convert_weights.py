"""`sealkit convert-weights`."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from sealkit.weights.safetensors_io import load_tensors
from tests.cli.conftest import CommandLine
from tests.weights import pickle_files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.pdparams"
    wide = np.arange(12, dtype="float32").reshape(3, 4)
    state = {"a": wide, "b": wide.T, "n": np.array(3, "int64"), "bits": wide.astype("uint16"), "name": "x"}
    path.write_bytes(pickle.dumps({f"Student.{key}": value for key, value in state.items()}, 2))
    return path


def test_the_tensors_arrive(sealkit: CommandLine, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "new" / "out.safetensors"
    code, out, _ = sealkit("convert-weights", source, target)
    assert code == 0 and "4 tensors" in out and str(target) in out
    found, metadata = load_tensors(target)
    wide = np.arange(12, dtype="float32").reshape(3, 4)
    assert (found["a"] == wide).all() and (found["b"] == wide.T).all() and found["bits"].dtype == np.uint16
    assert found["n"].shape == () and metadata == {"format": "sealkit", "source": "in.pdparams"}
    before = target.read_bytes()
    code, _, err = sealkit("convert-weights", source, target)
    assert code == 4 and "the target exists" in err and target.read_bytes() == before


def test_refusals_leave_nothing(sealkit: CommandLine, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.safetensors"
    (tmp_path / "evil").write_bytes(pickle_files.entry(pickle_files.name("os", "system")))
    cases = [
        ((tmp_path / "evil", target), "asks to use `os.system`"),
        ((tmp_path / "none", target), "weights file not found"),
        ((source, tmp_path / "out.bin"), "must end in .safetensors"),
        ((source, source / "out.safetensors"), "cannot be written"),
    ]
    for arguments, message in cases:
        code, _, err = sealkit("convert-weights", *arguments)
        assert code == 4 and message in err, err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil", "in.pdparams"]
