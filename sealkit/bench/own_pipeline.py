"""A whole pipeline on own labels: texts read exactly, 1-NED, F1, Hmean; before and after fine-tuning side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.bench.error_report import write_errors
from sealkit.bench.real_seals import PipelineReader, detection_metrics, measure, metrics, score_image
from sealkit.data.labels.detection import read_det_labels
from sealkit.engine.val_set import few_images
from sealkit.errors import DataError

ROWS = {"exact": "texts read exactly", "sim": "1-NED", "f1": "F1 of texts", "hmean": "Hmean of lines"}


def own_labels(data: str | Path, labels: str | None = None) -> tuple[str, list[dict[str, Any]]]:
    """The label file that was chosen, and the labelled images in the form `score_image` takes.

    Args:
        data: folder of a detection set with transcriptions.
        labels: label file in it; None: val.txt, else labels.txt, else train.txt.

    Raises:
        DataError: no label file, or no image with a text.
    """
    root = Path(data)
    names = [labels] if labels else ["val.txt", "labels.txt", "train.txt"]
    name = next((one for one in names if (root / one).is_file()), names[0])
    samples, _ = read_det_labels(root, name)
    items: list[dict[str, Any]] = [
        {
            "file": str(sample.image_path.relative_to(root)),
            "kind": "",
            "seals": [{}] * len({line.seal for line in sample.lines} or {None}),
            "texts": [
                {
                    "text": line.text,
                    "poly": line.points.tolist(),
                    "ignore": line.ignore or not line.text,
                    "direction": line.direction,
                    "shape": line.shape,
                }
                for line in sample.lines
            ],
        }
        for sample in samples
    ]
    if not any(not text["ignore"] for item in items for text in item["texts"]):
        raise DataError("no text to compare with", where=str(root / name), hint="the labels need transcriptions")
    return name, items


def compare(
    data: str | Path,
    pipelines: Mapping[str, Mapping[str, Any]],
    labels: str | None = None,
    errors: str | Path | None = None,
) -> dict[str, Any]:
    """Every pipeline on the same labels.

    Args:
        data, labels: as `own_labels`.
        pipelines: name → `config` and options of `create_pipeline`.
        errors: HTML file for what the last of them got wrong, see `sealkit.bench.error_report`.

    Returns:
        `data` (path of the label file), `images`, `texts`, `warnings`, and `pipelines`: name → exact, sim, f1, hmean,
        precision, recall, seconds (median per image).
    """
    name, items = own_labels(data, labels)
    found: dict[str, dict[str, float]] = {}
    for title, options in pipelines.items():
        rest = {key: value for key, value in options.items() if key != "config"}
        reader = PipelineReader(options.get("config"), rest)
        read = measure(Path(data), items, reader)
        scores = [score_image(item, read[item["file"]].texts) for item in items]
        lines = {file: one.lines or [] for file, one in read.items()}
        seconds = sorted(one.seconds for one in read.values())
        detected = detection_metrics(items, lines)
        outlines = {key: detected[key] for key in ("hmean", "precision", "recall")}
        found[title] = {**metrics(scores), **outlines, "seconds": seconds[len(seconds) // 2]}
        if errors is not None and title == list(pipelines)[-1]:
            write_errors(Path(errors), Path(data), items, read, reader)
    few = few_images(len(items))
    texts = sum(not text["ignore"] for item in items for text in item["texts"])
    where = str(Path(data) / name)
    return {"data": where, "images": len(items), "texts": texts, "warnings": [few] if few else [], "pipelines": found}


def table(result: Mapping[str, Any]) -> str:
    """What is printed: the set, a column per pipeline, the change where there are two."""
    names = list(result["pipelines"])
    lines = [f"evaluated on {result['images']} images, {result['texts']} texts of {result['data']}"]
    lines += [f"warning: {warning}" for warning in result["warnings"]]
    heads = [*names, "change"] if len(names) == 2 else names
    lines.append(" " * 22 + "".join(f"{head:>12}" for head in heads))
    for key, title in ROWS.items():
        values = [result["pipelines"][name][key] for name in names]
        cells = [f"{value:12.3f}" for value in values]
        cells += [f"{values[1] - values[0]:+12.3f}"] if len(values) == 2 else []
        lines.append(f"  {title:20s}" + "".join(cells))
    return "\n".join(lines)


__all__ = ["compare", "own_labels", "table"]
