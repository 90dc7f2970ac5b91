"""`sealkit models`: lists the models that can be trained and run."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

NAME = "models"
HELP = "List models with their module, recipes, weights, size and published metric; of one model all that is published."
EXAMPLES = """
  sealkit models
  sealkit models '*seal_det'
  sealkit models v6 --json
"""

_HEADS = ("model", "module", "recipes", "weights", "size", "published")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit models`."""
    parser.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help="shell pattern or part of a name")
    parser.add_argument("--module", help="only models of this module")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit models`; returns the exit code."""
    from sealkit import zoo
    from sealkit.errors import ConfigError
    from sealkit.modules.table import MODULES
    from sealkit.text import did_you_mean

    names = zoo.list_models(args.pattern, args.module)
    if not names:
        if args.module is not None and args.module not in MODULES:
            raise ConfigError("unknown module", value=args.module, hint="modules: " + ", ".join(MODULES))
        every = "`sealkit models` lists all"
        hint = did_you_mean(args.pattern.strip("*"), zoo.list_models(), otherwise=every, limit=3, cutoff=40)
        raise ConfigError("no model matches", value=args.pattern, hint=hint)
    recipes = zoo.recipes_by_model()
    rows = [_row(name, recipes.get(name, [])) for name in names]
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    print(_table(rows))
    if len(names) == 1:
        print(_published(names[0]))
    return 0


def _published(name: str) -> str:
    """All that the tutorials publish of a model, as lines."""
    from sealkit.modules.published import published_models

    lines = []
    for row in published_models(name):
        lines += ["", f"{row.source}; {row.data}; {row.environment}"]
        lines += [f"  {metric}: {value:g}" for metric, value in row.metrics.items()]
        for device, times in (("GPU", row.gpu_ms), ("CPU", row.cpu_ms)):
            listed = [f"{mode.replace('_', ' ')} {ms:g}" for mode, ms in times.items() if ms is not None]
            lines.append(f"  {device}, ms per image: {', '.join(listed) or 'not given'}")
        lines.append(f"  inference model: {row.size_mb:g} MB, {row.inference_url}")
        lines.append(f"  training checkpoint: {row.training_url or 'not linked'}")
    return "\n".join(lines) if lines else "\nnot in the tutorials' tables"


def _row(name: str, recipes: list[str]) -> dict[str, Any]:

    from sealkit import zoo
    from sealkit.modules.published import published_models

    spec = zoo.get(name)
    return {
        "model": name,
        "module": spec.module,
        "recipes": recipes,
        "weights": [*zoo.weights_tags(spec), "scratch"],
        "params": spec.params,
        "size_mb": spec.size_mb,
        "published": asdict(spec.published) if spec.published else None,
        "about": spec.about,
        "tutorials": [asdict(row) for row in published_models(name)],
    }


def _table(rows: list[dict[str, Any]]) -> str:
    """Aligned columns; a model with several recipes takes a line for each."""
    from sealkit.modules.table import MODULES

    cells: list[tuple[str, ...]] = [_HEADS]
    sources = []
    for row in rows:
        size = f"{row['params'] / 1e6:.1f} M parameters" + (f", {row['size_mb']:g} MB" if row["size_mb"] else "")
        score = row["published"]
        published = f"{score['name']} {score['value']:g}" if score else "-"
        if score:
            origin = ", ".join(str(score[key]) for key in ("data", "source") if key in score)
            sources.append(f"{score['name']} of {row['model']}: {origin}")
        starts = {one.start_recipe for one in MODULES.values()}
        recipes = [f"{name} *" if name in starts else name for name in row["recipes"]] or ["-"]
        cells.append((row["model"], row["module"], recipes[0], " ".join(row["weights"]), size, published))
        cells += [("", "", recipe, "", "", "") for recipe in recipes[1:]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    if any(" *" in line[2] for line in cells):
        lines += ["", "* start here: `sealkit train --data DIR` takes this recipe"]
    if sources:
        lines += ["", "Published, not reproduced here:", *(f"  {source}" for source in sources)]
    return "\n".join(lines)
