"""Log of a run: progress bar, metrics.jsonl, train.log, VisualDL, and warnings repeated at the end."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.files import write_text

METRICS = "metrics.jsonl"
TEXT = "train.log"
"""What a run says, with the time of each line, for people; PaddleX has it too."""
_LINE_SECONDS = 10.0  # where there is no terminal, a progress line at most this often


class RunLog:
    """Writes on rank 0 and is silent on the others.

    Args:
        folder: run folder; None: nothing is written.
        total_steps: length of the progress bar.
        first_step: where the bar starts.
        visualdl: write VisualDL scalars too, where the package is installed.
        progress: show a progress bar (a terminal) or lines (no terminal).
    """

    def __init__(
        self, folder: Path | None, total_steps: int, first_step: int = 0, visualdl: bool = False, progress: bool = True
    ) -> None:
        self.warnings: list[str] = []
        self._progress = progress and folder is not None
        self._file = open(folder / METRICS, "a", encoding="utf-8") if folder is not None else None  # noqa: SIM115
        self._text = open(folder / TEXT, "a", encoding="utf-8") if folder is not None else None  # noqa: SIM115
        self._bar = self._make_bar(total_steps, first_step)
        self._writer = self._visualdl(folder) if visualdl and folder is not None else None
        self._total, self._last_line = total_steps, time.monotonic()
        self._window = _Window()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the bar and close the files."""
        if self._bar is not None:
            self._bar.close()
        for file in (self._file, self._text):
            if file is not None:
                file.close()
        if self._writer is not None:
            self._writer.close()
        self._bar = self._file = self._text = self._writer = None

    def _make_bar(self, total: int, first: int) -> Any:
        if not self._progress or not sys.stderr.isatty():
            return None
        from tqdm import tqdm

        return tqdm(total=total, initial=first, unit="step", dynamic_ncols=True, smoothing=0.05)

    def _visualdl(self, folder: Path) -> Any:
        try:
            from visualdl import LogWriter
        except ImportError as error:
            self.warn(f"VisualDL is not installed ({error.name}): scalars go to {METRICS} only")
            return None
        return LogWriter(logdir=str(folder / "visualdl"))

    def say(self, text: str) -> None:
        """A line for the user, above the progress bar, and in train.log."""
        self._note(text)
        self._show(text)

    def _note(self, text: str) -> None:
        """Lines of train.log."""
        if self._text is not None:
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            self._text.write("".join(f"{now}  {line}\n" for line in text.splitlines() if line.strip()))
            self._text.flush()

    def _show(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._progress:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Warn once now, and again in the final summary."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.say(f"warning: {text}")

    def row(self, kind: str, step: int, epoch: float, values: Mapping[str, Any]) -> None:
        """One line of metrics.jsonl; non-finite numbers become null, since JSON has none."""
        if self._file is not None:
            plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
            row = {"kind": kind, "step": step, "epoch": round(epoch, 6), **plain}
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._file.flush()
        if self._writer is not None:
            for key, value in values.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    self._writer.add_scalar(tag=f"{kind}/{key}", step=step, value=float(value))

    def step(self, step: int, epoch: float, outcome: Any, rate: float, every: int) -> None:
        """Take in a finished optimiser step (`step` counts it); writes a row every `every` steps."""
        self._window.add(outcome, rate)
        if self._bar is not None:
            self._bar.update(1)
            self._bar.set_postfix_str(self._window.line(), refresh=False)
        if step % every == 0:
            self.flush(step, epoch)

    def evaluating(self, done: int, batches: int) -> None:
        """Show the progress of an evaluation, which takes long on a large set."""
        now = time.monotonic()
        if self._bar is not None:
            self._bar.set_postfix_str(f"evaluation {done}/{batches}")
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            self.say(f"evaluation {done}/{batches}")

    def flush(self, step: int, epoch: float) -> None:
        """Write what has gathered since the last row; also before a checkpoint, so that a resumed run's rows agree."""
        if self._window.steps == 0:
            return
        self.row("train", step, epoch, self._window.values())
        now, line = time.monotonic(), f"step {step}/{self._total}  epoch {epoch:.2f}  {self._window.line()}"
        self._note(line)
        if self._bar is None and now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            self._show(line)
        self._window = _Window()


class _Window:
    """Means over the steps since the last row."""

    def __init__(self) -> None:
        self.steps = 0
        self._parts: dict[str, float] = {}
        self._norm = self._seconds = self._wait = self._rate = 0.0
        self._samples = 0

    def add(self, outcome: Any, rate: float) -> None:
        self.steps += 1
        for name, value in outcome.losses.items():
            self._parts[name] = self._parts.get(name, 0.0) + value
        self._norm += outcome.grad_norm
        self._seconds += outcome.seconds
        self._wait += outcome.wait
        self._samples += outcome.samples
        self._rate = rate

    def values(self) -> dict[str, float]:
        n = self.steps
        parts = {f"loss/{name}": value / n for name, value in self._parts.items()}
        return {
            "loss": sum(parts.values()),
            **parts,
            "lr": self._rate,
            "grad_norm": self._norm / n,
            "images_per_second": self._samples / max(self._seconds, 1e-9),
            "data_wait": self._wait / max(self._seconds, 1e-9),
            "seconds": self._seconds,
        }

    def line(self) -> str:
        v = self.values()
        speed = f"{v['images_per_second']:.1f} img/s  data wait {v['data_wait']:.0%}"
        return f"loss {v['loss']:.4f}  lr {v['lr']:.2e}  {speed}"


def cut_metrics(folder: Path, step: int) -> None:
    """Drop rows after `step` and a half-written last line: steps after the checkpoint are done again on resume."""
    path = folder / METRICS
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row.get("step", 0) <= step:
            kept.append(line + "\n")
    write_text(path, "".join(kept), durable=True)
