"""paddlex beside sealkit: the same config for both, runs in processes of their own, and what differs in the results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sealkit.errors import EngineError
from sealkit.files import write_text
from sealkit.modules.seal_text_detection.spec import DetectorSpec
from sealkit.modules.table import by_key
from sealkit.pipeline.build import locate_all
from sealkit.pipeline.create import load_config
from sealkit.runtime.files import ModelFiles

SCRIPT = Path(__file__).with_name("run_pipeline.py")
OWN_KEYS = ("reading", "whole_page_fallback", "Search", "Refine", "Reading", "Serving", "weights", "charset", "rings")
"""Keys of a config that only sealkit knows."""


@dataclass
class Run:
    """What one library did.

    Attributes:
        created: seconds from the command until the pipeline stood.
        first: seconds from the command to the first result.
        engines: what ran the networks; sealkit tells, paddlex does not.
        seconds: image → seconds of each round.
        at: image → time.time() when each round began with it.
        parts: image → seconds of each network in each round, by the name of its folder.
        networks: image → those of them that were spent in the engines.
        cpu: image → processor seconds of all threads together.
        networks_cpu: image → those of them while an engine ran.
        listed: seconds per image of each round in one call with all images; empty where that was not run.
        listed_networks: those of them that were spent in the engines.
        results: image → results of its pages as plain data.
        peak_mb: largest resident memory.
    """

    created: float = 0.0
    first: float = 0.0
    engines: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    at: dict[str, list[float]] = field(default_factory=dict)
    parts: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    networks: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    networks_cpu: dict[str, list[float]] = field(default_factory=dict)
    listed: list[float] = field(default_factory=list)
    listed_networks: list[float] = field(default_factory=list)
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    peak_mb: float = 0.0

    @property
    def warm(self) -> float:
        """Seconds per image: of each image the median of the rounds after the first, over images the mean."""
        return _per_image(self.seconds)

    @property
    def outside(self) -> float:
        """As `warm`, of the time outside the networks."""
        return _per_image(_less(self.seconds, self.networks))

    @property
    def busy(self) -> float:
        """As `warm`, of the processor seconds of all threads: what hardly depends on what else the machine does."""
        return _per_image(self.cpu)

    @property
    def busy_outside(self) -> float:
        """As `busy`, outside the networks."""
        return _per_image(_less(self.cpu, self.networks_cpu))

    @property
    def in_list(self) -> float:
        """Seconds per image in one call with all of them, the median of the rounds after the first; else nan."""
        return _later(self.listed)

    @property
    def outside_in_list(self) -> float:
        """As `in_list`, of the time outside the networks."""
        return _later([a - b for a, b in zip(self.listed, self.listed_networks)])


def write_configs(
    folder: Path,
    source: str | Path | Mapping[str, Any],
    overrides: Mapping[str, Any],
    threads: int = 2,
    device: str = "cpu",
) -> tuple[Path, Path]:
    """(sealkit's, paddlex's) config files that mean the same: the same folders, engines, thresholds.

    Folders with a Paddle program run on Paddle on both sides, on a CPU with oneDNN, those with ONNX alone on ONNX
    Runtime.
    sealkit's says `reading: reference` unless the overrides say otherwise.
    """
    tree = _located(source, {"reading": "reference", **dict(overrides)})
    mode = "mkldnn" if device == "cpu" else "paddle"
    for place in by_key():
        section = _section(tree, place, None)
        if section is None or not section["model_dir"]:
            continue
        paddle = ModelFiles.find(section["model_dir"]).has_paddle
        section["engine"] = "paddle_static" if paddle else "onnxruntime"
        section["engine_config"] = {"cpu_threads": threads, "run_mode": mode} if paddle else None
    ours, theirs = folder / "sealkit.yaml", folder / "paddlex.yaml"
    write_text(ours, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
    plain = _without(tree, OWN_KEYS)
    for place in by_key():
        found = _section(plain, place, None)
        if found and found.get("engine") == "onnxruntime":
            found["engine_config"] = {"intra_op_num_threads": threads}
    write_text(theirs, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return ours, theirs


def own_config(path: Path, source: str | Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> Path:
    """Write sealkit's config with the same folders, engines as sealkit itself chooses them."""
    tree = _located(source, overrides)
    write_text(path, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
    return path


def _located(source: str | Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A config as plain data, the modules it uses with their folders."""
    loaded = load_config(source, overrides)
    tree: dict[str, Any] = loaded.settings.model_dump(mode="json")
    for place, files in locate_all(loaded.settings).items():
        section = _section(tree, place)
        section["model_dir"], section["weights"] = str(files.path.resolve()), None
        if place == "TextDetection":  # both libraries run it with the numbers sealkit takes
            spec = DetectorSpec.of_pipeline(files.read_meta()).changed(loaded.settings.ocr.TextDetection.numbers)
            numbers = {**spec.resize.model_dump(), **spec.postprocess.model_dump()}
            section.update({key: numbers[key] for key in loaded.settings.ocr.TextDetection.numbers})
            if loaded.settings.reading == "reference":
                section["rings"] = None  # the reading decides them
    return tree


def run(
    python: str | Path,
    library: str,
    config: Path,
    images: Sequence[str],
    rounds: int,
    threads: int,
    *,
    flags: Sequence[str] = (),
    watch: Callable[[int], AbstractContextManager[None]] = lambda pid: nullcontext(),
) -> Run:
    """Run a library on images.

    Args:
        python: interpreter that has the library.
        flags: more flags of run_pipeline.py.
        watch: number of the process → a block that it runs in.

    Raises:
        EngineError: the process failed; its last lines of output are shown.
    """
    command = [str(python), str(SCRIPT), "--library", library, "--rounds", str(rounds), "--threads", str(threads)]
    command += ["--started", repr(time.time()), *flags]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "1",
    }
    if library == "sealkit":
        package = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, str(config), *images], stdout=pipe, stderr=pipe, text=True, errors="replace", env=environment
    ) as process:
        try:
            with watch(process.pid):
                out, errors = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        tail = "\n".join(errors.strip().splitlines()[-12:])
        raise EngineError(f"{library} failed\n{tail}", where=str(python))
    return _parsed(out)


def _parsed(out: str) -> Run:
    """What run_pipeline.py printed."""
    result = Run()
    for line in map(json.loads, out.splitlines()):
        if "image" in line:
            for name in ("at", "seconds", "parts", "networks", "cpu", "networks_cpu"):
                getattr(result, name).setdefault(line["image"], []).append(line[name])
            if "res" in line:
                result.results[line["image"]] = line["res"]
                result.first = result.first or line["since_start"]
        if "listed" in line:
            result.listed.append(line["listed"])
            result.listed_networks.append(line["networks"])
        result.created = line.get("created", result.created)
        result.engines = line.get("engines", result.engines)
        result.peak_mb = line.get("peak_mb", result.peak_mb)
    return result


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """What differs between two results of one image: boxes and outlines by more than a pixel, texts, scores by more
    than 0.005."""
    found: list[str] = []
    mine, other = (_boxes(one) for one in (ours, theirs))
    if [b["label"] for b in mine] != [b["label"] for b in other]:
        found.append(f"layout labels {[b['label'] for b in mine]} against {[b['label'] for b in other]}")
    elif mine and _gap([b["coordinate"] for b in mine], [b["coordinate"] for b in other]) > 1:
        found.append("layout boxes")
    seals, others = ours["seal_res_list"], theirs["seal_res_list"]
    if len(seals) != len(others):
        return [*found, f"{len(seals)} seals against {len(others)}"]
    for number, (a, b) in enumerate(zip(seals, others), 1):
        if [len(p) for p in a["dt_polys"]] != [len(p) for p in b["dt_polys"]]:
            found.append(f"seal {number}: outlines")
            continue
        worst = max((_gap(p, q) for p, q in zip(a["dt_polys"], b["dt_polys"])), default=0.0)
        if worst > 1:
            found.append(f"seal {number}: outlines by {worst:.0f} pixels")
        if a["rec_texts"] != b["rec_texts"]:
            found.append(f"seal {number}: texts {a['rec_texts']} against {b['rec_texts']}")
        elif a["rec_scores"] and _gap(a["rec_scores"], b["rec_scores"]) > 0.005:
            found.append(f"seal {number}: scores by {_gap(a['rec_scores'], b['rec_scores']):.4f}")
    return found


def this_python() -> str:
    """The interpreter this runs in."""
    return sys.executable


def _less(whole: Mapping[str, Sequence[float]], part: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {image: [a - b for a, b in zip(times, part[image])] for image, times in whole.items()}


def _per_image(times: Mapping[str, Sequence[float]]) -> float:
    """Mean over images of the median of the later rounds (of the first where there is but one)."""
    return float(np.mean([_later(rounds) for rounds in times.values()]))


def _later(rounds: Sequence[float]) -> float:
    return float(np.median(rounds[1:] or rounds)) if rounds else float("nan")


def _boxes(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(result.get("layout_det_res", {}).get("boxes", []))


def _gap(a: Any, b: Any) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).max())


def _without(tree: Any, keys: Sequence[str]) -> Any:
    """A copy without these keys and without keys that are null, at every level."""
    if isinstance(tree, dict):
        return {k: _without(v, keys) for k, v in tree.items() if k not in keys and v is not None}
    return [_without(item, keys) for item in tree] if isinstance(tree, list) else tree


def _section(tree: Any, place: str, default: Any = ...) -> Any:
    """The block of a module, wherever it stands."""
    if isinstance(tree, dict):
        if isinstance(tree.get(place), dict):
            return tree[place]
        for value in tree.values():
            found = _section(value, place, None)
            if found is not None:
                return found
    if default is ...:
        raise KeyError(place)
    return default
