"""Teach a recogniser characters it does not know, and measure what it gains and what it loses.

    python tools/benchmark.py new-characters --folder data/new_characters

Makes what is missing below the folder (strips of drawn seals with the new characters and without, plain printed lines),
trains by the recipe, and prints line accuracy before and after on three held-out sets, with what is asked of each.

Drawn seals are as worn as real ones: of ordinary strips the starting weights read half. So that the figure tells of
the new characters and not of wear, a strip with new characters counts where its twin, the same image without them, is
read right by the starting weights. The ordinary strips are not chosen so. A fourth row, "worn", shows all strips with
new characters, chosen or not; nothing is asked of it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEW = "髩邒枮庡疞潌垶宊堄鸴飵滰蚽犳埩釥熧鉩坹奻洅瓧竔滼"
"""24 characters that PP-OCRv6's charset lacks and that many free fonts draw."""
RECIPE = "rec_v6_small_synth_finetune"
SETS = ("new", "seals", "lines")
WORN = "val_all.txt"
"""Label file of `new`: every held-out strip with a new character, whether its twin can be read or not."""
_SEALS = {"crops": 0.9, "pages": 0.1, "negatives": 0.0}


@dataclass(frozen=True)
class Row:
    """One held-out set: line accuracy before and after, and what is asked."""

    name: str
    lines: int
    before: float
    after: float

    @property
    def wanted(self) -> str:
        return {
            "new": "<= 0.05 -> >= 0.80",
            "worn": "",
            "seals": "no more than 0.005 lost",
            "lines": "no more than 0.01 lost",
        }[self.name]

    @property
    def passed(self) -> bool:
        if self.name == "worn":
            return True
        if self.name == "new":
            return self.before <= 0.05 and self.after >= 0.80
        return self.before - self.after <= (0.005 if self.name == "seals" else 0.01)


def make_data(folder: Path, seals: int, guard: int, workers: int) -> None:
    """Write what is missing: `new`, `seals` and `lines`, each with train.txt and val.txt.

    Args:
        seals: drawn images for training strips of either kind; a fifth as many are held out.
        guard: printed lines that are held out, and as many for replay.
    """
    from sealkit.synth.seals.lines import write_line_set

    for number, (name, characters) in enumerate((("new", NEW), ("seals", ""))):
        if not (folder / name / "val.txt").is_file():
            _strips(folder, name, seals, 100 + number, characters, workers)
    for number, labels in enumerate(("train.txt", "val.txt")):
        if not (folder / "lines" / labels).is_file():
            write_line_set(folder / "lines", guard, 200 + number, labels)


def _strips(folder: Path, name: str, seals: int, seed: int, characters: str, workers: int) -> None:
    """Drawn seals, cut into strips; of `new` those that show a new character and whose twin can be read."""
    from sealkit.data.crops import write_crops
    from sealkit.data.labels.detection import read_det_labels
    from sealkit.synth.common.sets import SetPlan
    from sealkit.synth.seals.settings import SynthSettings
    from sealkit.synth.seals.writer import write_detection_set

    drawn, out = folder / f"{name}_seals", folder / name
    if not (drawn / "val.txt").is_file():
        settings = SynthSettings(**_SEALS, characters=characters, characters_share=0.9)
        write_detection_set(SetPlan(drawn, seals, seed, workers, val_share=1 / 6), settings)
    if characters:
        _strips(folder, "twins", seals, seed, "", workers)
    for labels in ("train.txt", "val.txt"):
        if not (out / labels).is_file():
            write_crops(read_det_labels(drawn, labels)[0], out, labels, quality=92)
            if characters:
                _keep_readable(folder, labels, characters)


def _keep_readable(folder: Path, labels: str, characters: str) -> None:
    """Leave those lines in the label file of `new` that have a new character and a twin that can be read.

    The held-out lines with a new character are kept in `val_all.txt` as well, whatever their twins.
    """
    from sealkit import api
    from sealkit.data.labels.recognition import read_rec_labels
    from sealkit.images import read_image

    reader = api.create_model("PP-OCRv6_small_rec", weights="rapidocr", device="cpu")
    twins, _ = read_rec_labels(folder / "twins", labels)
    results = reader.read([read_image(twin.image_path) for twin in twins], 1)
    readable = {twin.image_path.name for twin, result in zip(twins, results) if result.text == twin.text}
    path = folder / "new" / labels
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    shown = [row for row in rows if set(row) & set(characters)]
    if labels == "val.txt":
        path.with_name(WORN).write_text("".join(shown), encoding="utf-8", newline="\n")
    kept = [row for row in shown if Path(row.split("\t")[0]).name in readable]
    path.write_text("".join(kept), encoding="utf-8", newline="\n")


def measure(folder: Path, run: Path, overrides: Sequence[str], report: Path | None) -> list[Row]:
    """Accuracy of the starting weights and of the run's best checkpoint on each held-out set."""
    from sealkit import api

    rows = []
    for name, root, labels in (*((name, name, "val.txt") for name in SETS), ("worn", "new", WORN)):
        data = json.dumps([{"root": str(folder / root), "labels": labels}])
        given = [*overrides, f"data.val={data}"]
        before = api.evaluate(RECIPE, checkpoint="rapidocr", overrides=given, progress=False)
        page = None if report is None else report / f"{name}.html"
        after = api.evaluate(RECIPE, checkpoint=run, overrides=given, report=page, progress=False)
        rows.append(Row(name, len(after.records), before.metrics["acc"], after.metrics["acc"]))
    return rows


def _recipe_overrides(folder: Path, given: Sequence[str]) -> list[str]:
    """The recipe's sets, in its order and ratios, below `folder`; then what the user gave."""
    from sealkit import api

    settings: Any = api.load(RECIPE).settings
    made = []
    for part, entries in (("train", settings.data.train), ("val", settings.data.val)):
        rows = [{**entry.model_dump(), "root": str(folder / name)} for name, entry in zip(SETS, entries)]
        made.append(f"data.{part}={json.dumps(rows)}")
    return [*made, *given]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmark.py new-characters", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("data/new_characters"), help="for data and run")
    parser.add_argument("--seals", type=int, default=3600, help="drawn images of either kind (default 3600)")
    parser.add_argument("--guard", type=int, default=2000, help="held-out printed lines (default 2000)")
    parser.add_argument("--workers", type=int, default=2, help="drawing processes (default 2)")
    parser.add_argument("--data-only", action="store_true", help="make the data and stop")
    parser.add_argument("--measure-only", action="store_true", help="do not train: measure the run that is there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the metrics here")
    parser.add_argument("-o", "--override", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    args = parser.parse_args(argv)
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    make_data(args.folder, args.seals, args.guard, args.workers)
    print(f"data in {args.folder} after {time.monotonic() - started:.0f} s", flush=True)
    if args.data_only:
        return 0
    from sealkit import api

    overrides = _recipe_overrides(args.folder, args.override)
    run = args.folder / "run"
    facts: dict[str, Any] = {"new_characters": NEW}
    if not args.measure_only:
        began = time.monotonic()
        result = api.train(RECIPE, overrides, output=run, overwrite=run.exists(), export=False)
        facts |= {"steps": result.step, "training_seconds": round(time.monotonic() - began, 1)}
    rows = measure(args.folder, run, overrides, run)
    print(f"{'held-out set':14}{'lines':>7}{'before':>9}{'after':>9}   wanted")
    for row in rows:
        verdict = f"{row.wanted}: {'reached' if row.passed else 'MISSED'}" if row.wanted else "nothing asked"
        print(f"{row.name:14}{row.lines:7}{row.before:9.4f}{row.after:9.4f}   {verdict}")
    if "training_seconds" in facts:
        print(f"{facts['steps']} steps in {facts['training_seconds'] / 60:.1f} minutes")
    if args.json:
        facts["sets"] = [{**row.__dict__, "passed": row.passed} for row in rows]
        args.json.write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0 if all(row.passed for row in rows) else 1
