import io
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.errors import WeightsError
from sealkit.weights.unpickle import load_pdparams, load_pickled, strip_prefixes

ARRAYS = {"conv.weight": np.arange(12, dtype="float32").reshape(3, 4), "bn._mean": np.zeros(3, "float32")}


def write(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol, fix_imports=False))  # keep today's module names
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    found = load_pdparams(write(tmp_path / "a.pdparams", ARRAYS, protocol))
    assert found.keys() == ARRAYS.keys()
    assert all((found[name] == ARRAYS[name]).all() and found[name].dtype == np.float32 for name in ARRAYS)


def test_what_paddle_itself_writes(tmp_path: Path) -> None:
    import paddle

    net = paddle.nn.Sequential(paddle.nn.Conv2D(1, 2, 3), paddle.nn.BatchNorm2D(2))
    optimizer = paddle.optimizer.Adam(parameters=net.parameters())
    net(paddle.ones([1, 1, 5, 5])).sum().backward()
    optimizer.step()
    for protocol in (2, 4):
        paddle.save(net.state_dict(), str(tmp_path / "net.pdparams"), protocol=protocol)
        found = load_pdparams(tmp_path / "net.pdparams")
        assert found.keys() == net.state_dict().keys()
        assert all((found[name] == tensor.numpy()).all() for name, tensor in net.state_dict().items())
    paddle.save(optimizer.state_dict(), str(tmp_path / "net.pdopt"))
    assert any("moment1" in name for name in load_pickled(tmp_path / "net.pdopt"))


def test_paddles_tables_and_slices_of_large_arrays(tmp_path: Path) -> None:
    content = {
        "w@@.0": np.arange(6, dtype="float32"),
        "w@@.1": np.arange(6, 12, dtype="float32"),
        "UnpackBigParamInfor@@": {"w": {"OriginShape": (3, 4), "slices": ["w@@.0", "w@@.1"]}},
        "StructuredToParameterName@@": {"w": "conv2d_0.w_0"},
    }
    found = load_pdparams(write(tmp_path / "big.pdparams", content, 2))
    assert list(found) == ["w"] and (found["w"] == ARRAYS["conv.weight"]).all()
    del content["w@@.1"]
    with pytest.raises(WeightsError, match="damaged table of large arrays"):
        load_pdparams(write(tmp_path / "big.pdparams", content))


def test_a_tensor_stored_as_name_and_array(tmp_path: Path) -> None:
    found = load_pdparams(write(tmp_path / "a.pdparams", OrderedDict(w=("linear_0.w_0", ARRAYS["conv.weight"]))))
    assert (found["w"] == ARRAYS["conv.weight"]).all()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Student.a", "Student.b", "Teacher.a", "Teacher.b"], ["a", "b"]),
        (["Teacher.a", "Student2.a"], ["a"]),
        (["_layers.a", "_layers.b"], ["a", "b"]),
        (["module.Student.a"], ["a"]),
        (["module.a", "b"], ["b", "module.a"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_prefixes(names: list[str], expected: list[str]) -> None:
    assert sorted(strip_prefixes({name: np.zeros(1) for name in names})) == expected


def test_the_student_is_taken_from_a_distilled_file() -> None:
    state = {"Teacher.a": np.array([1.0]), "Student.a": np.array([2.0]), "Student2.a": np.array([3.0])}
    assert strip_prefixes(state)["a"] == 2.0


class Runs:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def _setstate() -> tuple[object, ...]:
    return OrderedDict, (), {"__class__": 1}


ATTACKS = {
    "posix.system": Runs(os.system, "touch {marker}"),
    "builtins.eval": Runs(eval, "open({marker!r}, 'w')"),
    "builtins.exec": Runs(exec, "open({marker!r}, 'w')"),
    "subprocess.Popen": Runs(__import__("subprocess").Popen, ["touch", "{marker}"]),
    "builtins.getattr": Runs(getattr, os, "system"),
    "numpy.load": Runs(np.load, "{marker}"),
    "importlib.import_module": Runs(__import__("importlib").import_module, "antigravity"),
    "functools.partial": Runs(__import__("functools").partial, print),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_refused_by_name_and_not_run(tmp_path: Path, name: str, protocol: int) -> None:
    marker = tmp_path / "ran"
    function, arguments = ATTACKS[name].call
    filled = tuple(a.format(marker=str(marker)) if isinstance(a, str) else a for a in arguments)
    filled = tuple([p.format(marker=str(marker)) for p in a] if isinstance(a, list) else a for a in filled)
    path = tmp_path / "evil.pdparams"
    try:
        write(path, {**ARRAYS, "x": Runs(function, *filled)}, protocol)
    except (pickle.PicklingError, TypeError):  # modules cannot be pickled: write the opcodes
        path.write_bytes(b"cbuiltins\ngetattr\n.")
    with pytest.raises(WeightsError) as caught:
        load_pdparams(path)
    shown = name.replace("posix", "(posix|nt|os)").replace("builtins", "(builtins|__builtin__)")
    assert __import__("re").search(f"refused: the file asks to use `{shown}`", str(caught.value))
    assert str(path) in str(caught.value) and not marker.exists()


def test_dotted_names_do_not_reach_inside_allowed_modules(tmp_path: Path) -> None:
    """Protocol 4 may ask for `numpy` / `ndarray.tofile`, or walk from an allowed class to anything."""
    for module, name in (("numpy", "ndarray.tofile"), ("collections", "OrderedDict.__init__.__globals__")):
        stream = io.BytesIO()
        stream.write(b"\x80\x04")
        for text in (module, name):
            stream.write(b"\x8c" + bytes([len(text)]) + text.encode())
        stream.write(b"\x93.")
        (tmp_path / "evil.pdparams").write_bytes(stream.getvalue())
        with pytest.raises(WeightsError, match="refused"):
            load_pdparams(tmp_path / "evil.pdparams")


def test_other_codecs_objects_and_references_are_refused(tmp_path: Path) -> None:
    import codecs

    with pytest.raises(WeightsError):
        load_pdparams(write(tmp_path / "a", {"x": Runs(codecs.encode, "x", "rot13")}))
    with pytest.raises(WeightsError, match="array of Python objects"):
        load_pdparams(write(tmp_path / "b", {"x": np.array([{}, []], dtype=object)}))
    (tmp_path / "c").write_bytes(b"\x80\x04\x8c\x01xQ.")
    with pytest.raises(WeightsError, match="persistent reference"):
        load_pdparams(tmp_path / "c")
    nested: list[Any] = []
    value = nested
    for _ in range(40):
        value.append([])
        value = value[0]
    with pytest.raises(WeightsError, match="nested too deep"):
        load_pdparams(write(tmp_path / "d", {"x": nested}))


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(ARRAYS)[:-20], b"PK\x03\x04zip"])
def test_truncated_and_foreign_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pdparams").write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable Paddle weights file"):
        load_pdparams(tmp_path / "a.pdparams")


def test_missing_and_useless_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not found"):
        load_pdparams(tmp_path / "none.pdparams")
    with pytest.raises(WeightsError, match="holds a dict of arrays"):
        load_pdparams(write(tmp_path / "a", [1, 2]))
    with pytest.raises(WeightsError, match="no arrays in the file"):
        load_pdparams(write(tmp_path / "b", {"a": 1}))
