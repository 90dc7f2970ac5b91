"""The folder of a run: who may write into it, and the files that explain the run."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.engine import mkl
from sealkit.errors import TrainingError
from sealkit.files import write_text
from sealkit.version import __version__, versions_of
from sealkit.weights.checkpoint import is_checkpoint

MARKER = "environment.json"
# everything sealkit writes into a run folder; `overwrite` removes these and nothing else
OWN = (
    "checkpoints", "metrics.jsonl", "train.log", "visualdl", "recipe.yaml", "data.json", "weights_report.json",
    "nonfinite", "report.html", "inference", "pipeline.yaml", "summary.json", "framework.log", ".lock", MARKER,
)  # fmt: skip
_PACKAGES = (
    "paddlepaddle",
    "paddlepaddle-gpu",
    "numpy",
    "opencv-python-headless",
    "opencv-contrib-python",
    "safetensors",
)


class RunFolder:
    """A run's folder, locked for this run while it lasts.

    Args:
        path: the folder; made where missing.
        resume: continue the run that is there.
        overwrite: remove the run that is there.
        writes: False on all ranks but the first: nothing is created or locked.

    Raises:
        TrainingError: not empty and neither `resume` nor `overwrite`; both; nothing to resume; another run is writing
            there; not writable.
    """

    def __init__(self, path: str | Path, resume: bool, overwrite: bool, writes: bool = True) -> None:
        self.path = Path(path)
        self._lock: Any = None
        self._leave_nothing = False
        self._made = not self.path.exists()
        if resume and overwrite:
            raise TrainingError("--resume and --overwrite are mutually exclusive", where=str(path))
        if not writes:
            return
        present = sorted(entry.name for entry in self.path.iterdir()) if self.path.is_dir() else []
        present = [name for name in present if name != ".lock"]
        if resume and MARKER not in present and not is_checkpoint(self.latest):
            raise TrainingError(
                "nothing to resume here",
                where=str(path),
                value=present[:5] or "empty or missing",
                hint="run without --resume",
            )
        if present and not resume and not overwrite:
            raise TrainingError(
                "the output folder is not empty",
                where=str(path),
                value=present[:5],
                hint="continue that run with --resume, replace it with --overwrite, or choose another one: -o output=…",
            )
        self._claim()
        self._leave_nothing = not resume
        if overwrite:
            for name in OWN:
                self._remove(self.path / name)

    @property
    def latest(self) -> Path:
        """Folder of the latest checkpoint."""
        return self.path / "checkpoints" / "latest"

    @property
    def best(self) -> Path:
        """Folder of the best checkpoint."""
        return self.path / "checkpoints" / "best"

    def _claim(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise TrainingError(
                f"cannot write to the output folder: {error.strerror}",
                where=str(self.path),
                hint="choose another with -o output=…",
            ) from error
        try:
            import fcntl
        except ImportError:  # Windows: no lock
            return
        try:
            fcntl.flock(
                self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB
            )  # the system lets go of it when the process ends, however
            if not _is_file(self._lock, self.path / ".lock"):
                raise BlockingIOError  # a run that failed removed it between our opening and our locking
        except OSError:
            raise TrainingError(
                "another run is writing to this folder",
                where=str(self.path),
                hint="wait for it, stop it, or choose another folder",
            ) from None

    def _remove(self, path: Path) -> None:
        if path.name == ".lock":
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def write(self, files: Mapping[str, str]) -> None:
        """Write text files into the folder."""
        for name, text in files.items():
            write_text(self.path / name, text, durable=True)

    def begun(self) -> None:
        """From now on what is in the folder stays."""
        self._leave_nothing = False

    def close(self) -> None:
        """Let go of the folder; a run that could not begin leaves nothing that would be in the way of the next try."""
        if self._lock is not None:
            if self._leave_nothing:
                for name in OWN:
                    self._remove(self.path / name)
                with contextlib.suppress(OSError):  # Windows keeps what is open
                    (self.path / ".lock").unlink()  # while it is held: afterwards it may be another run's
            self._lock.close()
            self._lock = None
            if self._leave_nothing and self._made:
                with contextlib.suppress(OSError):  # not empty: somebody's files, which stay
                    self.path.rmdir()


def _is_file(opened: Any, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    return path.exists() and os.path.samestat(os.fstat(opened.fileno()), path.stat())


def environment() -> dict[str, Any]:
    """What the run runs on: versions, machine, device, command."""
    import paddle

    return {
        "sealkit": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "mkl": os.environ.get(mkl.VARIABLE),
        "device": paddle.get_device(),
        "gpu": paddle.device.cuda.get_device_name() if paddle.get_device().startswith("gpu") else None,
        "processes": int(os.environ.get("PADDLE_TRAINERS_NUM", "1")),
        "packages": versions_of(_PACKAGES),
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def as_json(content: Mapping[str, Any]) -> str:
    """Content as indented JSON text with a final line end."""
    return json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n"
