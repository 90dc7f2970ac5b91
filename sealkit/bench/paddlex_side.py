"""paddlex beside sealkit: the same config for both, runs in processes of their own, and what differs in the results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sealkit.errors import EngineError
from sealkit.pipeline.create import load_config, locate_all
from sealkit.runtime.files import ModelFiles

SCRIPT = Path(__file__).with_name("run_pipeline.py")
OWN_KEYS = ("reading", "whole_page_fallback", "Search", "Fine", "Reading", "Serving", "weights", "charset", "rings")
"""Keys of a config that only sealkit knows."""


@dataclass
class Run:
    """What one library did.

    Attributes:
        created: seconds from the start of the process until the pipeline stood.
        first: seconds from the start of the process to the first result.
        seconds: picture → seconds of each round.
        results: picture → results of its pages as plain data.
        peak_mb: largest resident memory.
    """

    created: float = 0.0
    first: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    peak_mb: float = 0.0

    @property
    def warm(self) -> float:
        """Median seconds per picture after the first round (of the first where there is but one)."""
        later = [s for times in self.seconds.values() for s in times[1:]]
        return float(np.median(later or [s for times in self.seconds.values() for s in times]))


def write_configs(
    folder: Path, source: str | Path | Mapping[str, Any], overrides: Any = (), threads: int = 2
) -> tuple[Path, Path]:
    """(sealkit's, paddlex's) config files that mean the same: the same folders, engines, thresholds.

    Folders with a Paddle program run on Paddle with oneDNN on both sides, those with ONNX alone on ONNX Runtime.
    sealkit's says `reading: reference` unless the overrides say otherwise.
    """
    options = dict(overrides) if isinstance(overrides, Mapping) else {}
    loaded = load_config(source, {"reading": "reference", **options})
    tree = loaded.settings.model_dump(mode="json")
    for place, path in locate_all(loaded.settings).items():
        section = _section(tree, place)
        section["model_dir"], section["weights"] = str(Path(path).resolve()), None
        paddle = ModelFiles.find(path).has_paddle
        section["engine"] = "paddle_static" if paddle else "onnxruntime"
        section["engine_config"] = {"cpu_threads": threads, "run_mode": "mkldnn"} if paddle else None
    ours, theirs = folder / "sealkit.yaml", folder / "paddlex.yaml"
    ours.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    plain = _without(tree, OWN_KEYS)
    for place in ("LayoutDetection", "TextDetection", "TextRecognition", "DocOrientationClassify", "DocUnwarping"):
        found = _section(plain, place, None)
        if found and found.get("engine") == "onnxruntime":
            found["engine_config"] = {"intra_op_num_threads": threads}
    theirs.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return ours, theirs


def run(python: str | Path, library: str, config: Path, pictures: Sequence[str], rounds: int, threads: int) -> Run:
    """Run a library on pictures.

    Args:
        python: interpreter that has the library.

    Raises:
        EngineError: the process failed; its last lines of output are shown.
    """
    command = [str(python), str(SCRIPT), "--library", library, "--rounds", str(rounds), "--threads", str(threads)]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "1",
    }
    if library == "sealkit":
        package = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [*command, str(config), *pictures], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise EngineError(f"{library} failed\n{tail}", where=str(python))
    result = Run()
    for line in map(json.loads, done.stdout.splitlines()):
        if "picture" in line:
            result.seconds.setdefault(line["picture"], []).append(line["seconds"])
            if "res" in line:
                result.results[line["picture"]] = line["res"]
                result.first = result.first or line["since_start"]
        result.created = line.get("created", result.created)
        result.peak_mb = line.get("peak_mb", result.peak_mb)
    return result


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """What differs between two results of one picture: boxes and outlines by more than a pixel, texts, scores by more
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
