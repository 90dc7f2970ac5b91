"""The checks behind `sealkit doctor --gpu`: 20 steps of training in each way the machine's devices compute."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from sealkit.cli.checkup import Finding, installed_versions

SECONDS = 900
_STATUS = {"ok": "ok", "failed": "error", "absent": "note"}
INSTALL = (
    "install Paddle's GPU build: https://www.paddlepaddle.org.cn/install/quick, then pip install 'sealkit[train-base]'"
)


def examine_gpu() -> list[Finding]:
    """All findings, in the order they are shown."""
    versions = installed_versions()
    paddles = [f"{name} {version}" for name, version in versions.items() if name.startswith("paddlepaddle")]
    if not paddles:
        return [Finding("paddle", "error", "not installed", INSTALL)]
    return [Finding("paddle", "ok", ", ".join(paddles)), *_devices()]


def _devices() -> Iterator[Finding]:
    """The GPUs there are, and what training on the first does; where there is none, what it does on the CPU."""
    code = (
        "import json, paddle; cuda = paddle.device.is_compiled_with_cuda(); d = paddle.device.cuda\n"
        "count = d.device_count() if cuda else 0\n"
        "names = [d.get_device_name(n) for n in range(count)]\n"
        "print(json.dumps({'cuda': cuda and paddle.version.cuda(), 'names': names}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, errors="replace", check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        yield Finding("gpu", "error", f"Paddle does not start: {_last(done.stderr)}", "try `python -c 'import paddle'`")
        return
    found = json.loads(lines[-1])
    if found["names"]:
        yield Finding("gpu", "ok", f"{', '.join(found['names'])}; CUDA {found['cuda']}")
    elif found["cuda"]:
        advice = "see what `nvidia-smi` says, and CUDA_VISIBLE_DEVICES"
        yield Finding("gpu", "error", f"Paddle is built for CUDA {found['cuda']}, but no GPU is visible", advice)
    else:
        yield Finding(
            "gpu", "error", "none can be used: this Paddle is a CPU build. Tested on the CPU instead:", INSTALL
        )
    yield from probe("gpu" if found["names"] else "cpu")


def probe(device: str, steps: int | None = None) -> Iterator[Finding]:
    """Findings of `sealkit.bench.device_check`, in a process of its own: a driver that does not fit ends it."""
    command = [sys.executable, "-m", "sealkit.bench.device_check", "--device", device]
    command += [] if steps is None else ["--steps", str(steps)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        yield Finding("training", "error", f"no end within {SECONDS} s", f"run {' '.join(command[1:])} by hand")
        return
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    for line in lines:
        advice = None if line["status"] != "failed" else "train without it, and send us this report"
        yield Finding(line["name"], _STATUS[line["status"]], line["detail"], advice)  # type: ignore[arg-type]
    if done.returncode not in (0, 1) or not lines:
        after = f"after {lines[-1]['name']}" if lines else "before the first probe"
        reason = f"ended with code {done.returncode} {after}: {_last(done.stderr)}"
        yield Finding("training", "error", reason, "send us this report")


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1][:200]
