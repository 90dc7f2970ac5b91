"""Every file sealkit writes is whole or absent, and written in one place."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sealkit.charset import Charset
from sealkit.data.fingerprint import file_hash
from sealkit.errors import CharsetError
from sealkit.files import copy_file, read_regular, replacing, write_bytes, write_text

PACKAGE = Path(__file__).resolve().parents[1] / "sealkit"
WRITING = {"write_text", "write_bytes", "copyfile", "copy2", "imwrite", "tofile", "savetxt", "savez"}
"""Names of methods and functions of other libraries that write files of their own."""
EXCEPT = {
    "files.py": "the one place",
    "cli/infer_state.py": "the record of --resume is appended to, line by line; a torn last line is no line",
    "workers/journal.py": "the record of finished items is appended to, line by line; a torn last line is no line",
    "engine/log.py": "metrics.jsonl and train.log are appended to, line by line; a torn last line is dropped",
    "engine/run_folder.py": "the lock of a run, without content",
    "engine/loader.py": "a pipe of a process",
    "bench/run_pipeline.py": "standard output",
    "images/pdf_child.py": "the child's end of a pipe",
    "runtime/noise.py": "what another library prints, appended to a log",
    "serving/clients/client.py": "an example that is copied out; it knows no sealkit",
}
DECODERS = {
    "images/formats.py": {"Image.open"},
    "images/bands.py": {"Image.open"},  # some rows of an image that formats.py has opened, of its format alone
    "images/decode.py": {"cv2.imdecode"},
    "data/transforms/photometric.py": {"cv2.imdecode"},  # of what was encoded one line before
    "synth/common/camera.py": {"cv2.imdecode"},  # the same
    "synth/strips/wear.py": {"cv2.imdecode"},  # the same
}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


CALLS = {path.relative_to(PACKAGE).as_posix(): calls(path) for path in sorted(PACKAGE.rglob("*.py"))}


def opens_to_write(call: ast.Call) -> bool:
    """open(…, "w"), path.open("w"), os.fdopen(…, "w"): a mode with w, a, x or +."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ("open", "fdopen"):
        return False
    modes = [a.value for a in call.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    modes += [str(k.value.value) for k in call.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)]
    return any(len(mode) <= 3 and set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)


def test_no_file_is_written_but_by_the_one_writer() -> None:
    direct = [
        f"{name}:{call.lineno} {ast.unparse(call.func)}"
        for name, found in CALLS.items()
        for call in found
        if name not in EXCEPT
        if (isinstance(call.func, ast.Attribute) and call.func.attr in WRITING) or opens_to_write(call)
    ]
    assert direct == [], "write through sealkit.files"


def test_no_image_is_decoded_but_by_the_one_decoder() -> None:
    decoding = {"Image.open", "PIL.Image.open", "cv2.imdecode", "cv2.imread", "cv2.imreadmulti", "plt.imread"}
    found = {name: {ast.unparse(call.func) for call in found} & decoding for name, found in CALLS.items()}
    assert {name: names for name, names in found.items() if names} == DECODERS


def test_an_error_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old\n")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
    write_bytes(path, b"new", durable=True)
    assert path.read_bytes() == b"new"


def test_links_are_followed_and_devices_written_to(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    write_text("/dev/null", "gone")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="a device or a socket is not read"):
        copy_file("/dev/zero", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes beyond it fail with EFBIG, as on a full disk with ENOSPC
import numpy as np
from pathlib import Path
from PIL import Image
from sealkit.errors import SealkitError
from sealkit.images import write_image
from sealkit.pipeline.result import _save_image, _write
noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
out = Path(sys.argv[1])
for name, act in {
    "image.jpg": lambda path: write_image(path, noise),
    "result.jpg": lambda path: _save_image(Image.fromarray(noise), path),
    "result.json": lambda path: _write(path, b"1" * 20_000),
}.items():
    (out / name).write_bytes(b"before")
    try:
        act(out / name)
    except SealkitError as error:
        print(name, "said", str(error).splitlines()[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE stands in for a full disk")
def test_a_full_disk_is_said_and_leaves_no_torn_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [row.split()[:2] for row in done.stdout.splitlines()] == [
        ["image.jpg", "said"],
        ["result.jpg", "said"],
        ["result.json", "said"],
    ]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "image.jpg": b"before",
        "result.jpg": b"before",
        "result.json": b"before",
    }


def test_an_image_is_read_back_as_written(tmp_path: Path) -> None:
    from sealkit.images import read_image, write_image

    image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    assert np.array_equal(read_image(write_image(tmp_path / "a.png", image)), image)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
def test_a_pipe_is_neither_hashed_nor_a_dictionary(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys.txt")
    assert file_hash(tmp_path / "keys.txt") == ""
    with pytest.raises(CharsetError, match="a pipe, a device or a socket is not read"):
        Charset.from_file(tmp_path / "keys.txt")


def test_reading_takes_the_memory_of_the_file_and_not_of_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"seal" * 10)
    tracemalloc.start()
    try:
        assert read_regular(tmp_path / "a", 2_000_000_000) == b"seal" * 10
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert read_regular(tmp_path / "a", 40) == b"seal" * 10
    with pytest.raises(OSError, match="larger than 39 bytes"):
        read_regular(tmp_path / "a", 39)
