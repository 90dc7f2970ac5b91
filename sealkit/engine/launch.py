"""Starting one process per device, for commands that are given several of them (`gpu:0,1`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sealkit.errors import ConfigError


class SeveralDevices(ConfigError):
    """Training was asked for several devices in one process.

    Attributes:
        devices: what was asked for.
        run_dir: where the run would write.
    """

    def __init__(self, devices: Sequence[str], run_dir: str) -> None:
        super().__init__(
            f"training on {len(devices)} devices takes a process for each",
            where="train.device",
            value=", ".join(devices),
            hint="`sealkit train` starts them; from Python: python -m paddle.distributed.launch --devices 0,1 SCRIPT",
        )
        self.devices, self.run_dir = list(devices), run_dir


def device_list(name: str | None) -> list[str]:
    """Devices of a setting: `gpu:0,1` → gpu:0, gpu:1; `cpu,cpu` → cpu, cpu; null → none.

    Raises:
        ConfigError: devices of different kinds, or the same GPU twice.
    """
    if name is None:
        return []
    parts = [part.strip() for part in name.split(",")]
    kind = parts[0].partition(":")[0]
    devices = [f"{kind}:{part}" if part.isdigit() else part for part in parts]
    kinds = {device.partition(":")[0] for device in devices}
    twice = kind != "cpu" and len(set(devices)) < len(devices)
    if "" in parts or len(kinds) > 1 or twice:
        raise ConfigError(
            "not a list of devices of one kind, each named once",
            where="train.device",
            value=name,
            hint="gpu:0,1 for two GPUs; cpu,cpu for two processes on the CPU",
        )
    return devices


def launcher_command(devices: Sequence[str], log_dir: str | Path | None) -> list[str]:
    """`paddle.distributed.launch` with a process for each device; the command to run follows it.

    Paddle's launcher runs whatever does not end in `.py` as a command, which is how `sys.executable -m …` is run.
    """
    command = [sys.executable, "-m", "paddle.distributed.launch"]
    if devices[0].startswith("cpu"):
        command += ["--nproc_per_node", str(len(devices))]
    else:
        command += ["--devices", ",".join(device.partition(":")[2] or str(n) for n, device in enumerate(devices))]
    return [*command, "--log_dir", str(log_dir or "log")]


def is_launched() -> bool:
    """Whether this process is one of several that a launcher started."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) > 1


def device_of_process(name: str | None) -> str | None:
    """The setting for one process: a launcher's sees its own device alone, as `gpu` or `cpu`; else the first one."""
    devices = device_list(name)
    if len(devices) < 2:
        return name
    return devices[0].partition(":")[0] if is_launched() else devices[0]


def run_on_each(devices: Sequence[str], run_dir: str, arguments: Sequence[str]) -> int:
    """Run `sealkit` with these arguments as a process per device; returns the launcher's exit code.

    What the processes print goes to files in `<run_dir>.log`, rank 0's to the terminal as well. Ctrl-C and SIGTERM are
    handed on, and the processes write a checkpoint before they end; a second one ends them.
    """
    command = [*launcher_command(devices, f"{run_dir.rstrip('/')}.log"), sys.executable, "-m", "sealkit", *arguments]
    # In a session of its own: else a signal of a terminal comes twice, and the second means force to the launcher.
    launcher = subprocess.Popen(command, start_new_session=True)
    try:
        return launcher.wait()
    except KeyboardInterrupt:
        launcher.terminate()
        try:
            launcher.wait()
        except KeyboardInterrupt:
            launcher.terminate()
            launcher.wait()
        raise
