"""The checks behind `sealkit doctor`. Each returns findings and changes nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sealkit.engine import mkl
from sealkit.runtime.engines import ENGINES
from sealkit.version import versions_of

Status = Literal["ok", "note", "warning", "error"]
Versions = Mapping[str, tuple[int, ...]]

OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_ENGINES = sorted({info.package for info in ENGINES.values()} - {"paddle", "onnxruntime"})
PACKAGES = (
    "sealkit", "numpy", "pydantic", "shapely", "pyclipper", "pillow", *OPENCV, "paddlepaddle", "paddlepaddle-gpu",
    "setuptools", "visualdl", "safetensors", "onnx", "paddle2onnx", "packaging", "onnxruntime",
    "onnxruntime-gpu", "numba", *_ENGINES, "rapidocr", "pypdfium2", "fastapi", "uvicorn", "mplfonts",
)  # fmt: skip
_SMOKE_SECONDS = 120


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do."""

    name: str
    status: Status
    value: str
    advice: str | None = None


@dataclass(frozen=True)
class KnownBad:
    """A combination of versions that fails, seen by us or documented by its makers.

    Attributes:
        when: decides from the installed versions (package → numbers; not installed: absent).
        what: what goes wrong.
        advice: what to install in its place.
    """

    when: Callable[[Versions], bool]
    what: str
    advice: str
    status: Status = "error"


def _both(*names: str) -> Callable[[Versions], bool]:
    return lambda versions: sum(name in versions for name in names) > 1


KNOWN_BAD: tuple[KnownBad, ...] = (
    KnownBad(
        lambda v: _paddle(v)[:2] == (3, 3),
        "Paddle 3.3: oneDNN inference fails on every graph with interpolation (Paddle issue 77340), and the backward "
        "of layer_norm is wrong where its weight is frozen; folders exported by sealkit hold no interpolation",
        "pip install 'paddlepaddle==3.2.2'",
        "warning",
    ),
    KnownBad(
        lambda v: v.get("paddle2onnx") == (2, 1, 0) and _paddle(v)[:2] >= (3, 3),
        "paddle2onnx 2.1.0 fails on interpolation in models of Paddle 3.3; sealkit's own exports hold none",
        "pip install 'paddlepaddle==3.2.2'",
        "warning",
    ),
    KnownBad(
        lambda v: "paddle2onnx" in v and v.get("onnx", (0,)) > (1, 17, 0),
        "paddle2onnx 2.1.0 needs onnx 1.17.0 or older",
        "pip install 'onnx<=1.17.0'",
    ),
    KnownBad(
        lambda v: "paddle2onnx" in v and "packaging" not in v,
        "paddle2onnx needs `packaging` but does not declare it",
        "pip install packaging",
    ),
    KnownBad(
        lambda v: (0,) < _paddle(v) < (3, 0),
        "Paddle 2 uses a different model format and lacks features that training needs",
        "pip install 'paddlepaddle>=3.0,<3.4'",
    ),
    KnownBad(
        lambda v: bool(_paddle(v)) and v.get("setuptools", (0,)) >= (82,),
        "Paddle 3 uses parts of setuptools that version 82 removed",
        "pip install 'setuptools<82'",
        "warning",
    ),
    KnownBad(
        _both("paddlepaddle", "paddlepaddle-gpu"),
        "paddlepaddle and paddlepaddle-gpu are both installed and overwrite each other's files",
        "pip uninstall -y paddlepaddle paddlepaddle-gpu, then install the one you want",
    ),
    KnownBad(
        _both(*OPENCV),
        "two OpenCV packages overwrite each other's files; which one is used depends on the order of installation",
        "pip uninstall -y " + " ".join(OPENCV) + ", then pip install opencv-python-headless",
    ),
    KnownBad(
        _both("onnxruntime", "onnxruntime-gpu"),
        "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files",
        "pip uninstall -y onnxruntime onnxruntime-gpu, then install the one you want",
    ),
    KnownBad(
        lambda v: "rapidocr" in v and v["rapidocr"][:2] != (3, 10),
        "rapidocr: the PP-OCRv6 models sealkit reads are in 3.10",
        "pip install 'rapidocr==3.10.*'",
        "warning",
    ),
)


def _paddle(versions: Versions) -> tuple[int, ...]:
    return versions.get("paddlepaddle") or versions.get("paddlepaddle-gpu") or ()


def examine(*, quick: bool = False) -> list[Finding]:
    """All findings, in the order they are shown."""
    versions = installed_versions()
    findings = [
        *_python(),
        *_packages(versions),
        *known_bad({name: _numbers(text) for name, text in versions.items()}),
        *_threads(),
        *_memory(),
        *_service(),
        *_disk(),
        *_fonts(),
        *_shipped(),
        *_embedded(),
    ]
    if _paddle({name: _numbers(text) for name, text in versions.items()}) and not quick:
        findings += _paddle_smoke()
    return findings


def installed_versions() -> dict[str, str]:
    """Package → version, of those in `PACKAGES` that are installed."""
    return versions_of(PACKAGES)


def known_bad(versions: Versions) -> list[Finding]:
    """Findings of the table above for a set of versions."""
    return [Finding("known fault", bad.status, bad.what, bad.advice) for bad in KNOWN_BAD if bad.when(versions)]


def _numbers(version: str) -> tuple[int, ...]:
    """Parse a version: "3.2.2.post1" → (3, 2, 2)."""
    numbers = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    fit = sys.version_info >= (3, 10)
    yield Finding(
        "python", "ok" if fit else "error", f"{version}, {platform.platform()}", None if fit else "use 3.10 or newer"
    )


def _packages(versions: Mapping[str, str]) -> Iterator[Finding]:
    yield Finding("packages", "ok", ", ".join(f"{name} {version}" for name, version in versions.items()))
    wanted = {
        "train": ("paddlepaddle", "paddlepaddle-gpu"),
        "onnx": ("onnxruntime", "onnxruntime-gpu"),
        **{info.extra: (info.package,) for info in ENGINES.values() if info.extra not in (None, "train", "onnx")},
        "fast": ("numba",),
        "embedded": ("rapidocr",),
        "pdf": ("pypdfium2",),
        "serve": ("fastapi",),
    }
    absent = [extra for extra, names in wanted.items() if not any(name in versions for name in names)]
    if absent:
        yield Finding(
            "extras", "note", f"not installed: {', '.join(absent)}", f"pip install 'sealkit[{','.join(absent)}]'"
        )


def _threads() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("OMP_NUM_THREADS")
    value = f"{cores} core(s), OMP_NUM_THREADS={given or 'unset'}"
    if given == "1" and cores > 1:
        yield Finding("threads", "warning", value, "Paddle will use one core: unset OMP_NUM_THREADS or raise it")
    else:
        yield Finding("threads", "ok", value)
    if kernels := mkl.kernels():
        yield Finding("matrices", "ok", f"{mkl.VARIABLE}={kernels}" + (": AVX2 kernels" if kernels == mkl.AVX2 else ""))


def _memory() -> Iterator[Finding]:
    if os.path.isdir("/dev/shm"):
        free = shutil.disk_usage("/dev/shm").free / 2**30
        advice = None if free > 0.5 else "several processes and other tools need it; in Docker: --shm-size=2g"
        yield Finding("/dev/shm", "ok" if free > 0.5 else "warning", f"{free:.1f} GB free", advice)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        advice = None if total > 3.5 else "train with -o batch_size=2 and small images"
        yield Finding("memory", "ok" if total > 3.5 else "warning", f"{total:.1f} GB", advice)


def _service() -> Iterator[Finding]:
    """What one request may take beside what its worker has loaded."""
    from sealkit.pipeline.serving_settings import ServingSettings

    limit = ServingSettings().worker_memory
    if limit is None or not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    advice = None if limit < total else "set --worker-memory, or Serving.worker_memory, below this machine's memory"
    text = f"each worker may take {limit / 1e9:.1f} GB beyond its loaded pipeline (Serving.worker_memory)"
    yield Finding("service", "ok" if limit < total else "warning", text, advice)


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(".").free / 2**30
    advice = None if free > 2 else "a run keeps two checkpoints: choose another place with -o output=…"
    yield Finding("disk", "ok" if free > 2 else "warning", f"{free:.1f} GB free here", advice)
    if not os.access(".", os.W_OK):
        yield Finding("folder", "warning", "the current folder is not writable", "choose a place with -o output=…")


def _fonts() -> Iterator[Finding]:
    from sealkit.drawing.fonts import chinese_faces
    from sealkit.errors import DataError

    try:
        faces = chinese_faces()
    except DataError as error:
        yield Finding(
            "fonts", "warning", "none with Chinese characters: no synthetic seals, no texts in images", error.hint
        )
        return
    styles = sorted({face.style for face in faces})
    few = len(styles) < 3
    advice = (
        "more styles, better training seals: fonts-arphic-uming, fonts-arphic-ukai, fonts-noto-cjk" if few else None
    )
    yield Finding(
        "fonts", "note" if few else "ok", f"{len(faces)} with Chinese characters: {', '.join(styles)}", advice
    )


def _shipped() -> Iterator[Finding]:
    from sealkit.config.find import shipped, shipped_dir

    for kind in ("recipes", "configs"):
        names = shipped(kind)  # type: ignore[arg-type]  # the two literals of Kind
        advice = None if names else "the installation is incomplete: install the wheel again"
        where = shipped_dir(kind)  # type: ignore[arg-type]
        yield Finding(kind, "ok" if names else "error", f"{len(names)} in {where}", advice)


def _embedded() -> Iterator[Finding]:
    """Can `sealkit infer` read an image without any download?"""
    from sealkit.config.load import load_settings
    from sealkit.errors import SealkitError
    from sealkit.pipeline.build import locate_all, sections
    from sealkit.pipeline.create import DEFAULT
    from sealkit.pipeline.settings import SealRecognitionSettings
    from sealkit.runtime.model import choose_engine

    try:
        settings = load_settings("configs", DEFAULT, SealRecognitionSettings).settings
        found = [
            f"{sections(settings)[place].model_name} on {choose_engine(files, None, None)[0]}"
            for place, files in locate_all(settings).items()
        ]
    except SealkitError as error:
        yield Finding("reading", "warning", f"`sealkit infer` cannot use the default models: {error.what}", error.hint)
        return
    yield Finding("reading", "ok", ", ".join(found))


def _paddle_smoke() -> Iterator[Finding]:
    """In a process of its own: a Paddle that does not fit the machine dies by signal rather than by exception."""
    command = [sys.executable, "-m", "sealkit.cli.paddle_smoke"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SMOKE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        yield Finding(
            "paddle", "error", f"no answer within {_SMOKE_SECONDS} s", "try `python -c 'import paddle'` by hand"
        )
        return
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        tail = (done.stderr.strip().splitlines() or ["no output"])[-1]
        yield Finding(
            "paddle", "error", f"fails with code {done.returncode}: {tail[:200]}", "install another version of Paddle"
        )
        return
    result = json.loads(lines[-1])
    yield Finding("paddle", "ok", f"{result['version']}, devices: {', '.join(result['devices'])}")
    for name, error in result["inference"].items():
        advice = None if error is None else "use the engine onnxruntime or openvino, or Paddle 3.2.2"
        yield Finding(
            f"paddle {name}", "ok" if error is None else "warning", error or "agrees with the network", advice
        )
