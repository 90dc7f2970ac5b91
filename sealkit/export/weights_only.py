"""Weights of a model that is not trained here → PaddleX model folder. There is no recipe, no evaluation set and no
metric, so the proof is the network's output on images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sealkit.errors import ExportError, WeightsError
from sealkit.export.model import REPORT, check_target, file_facts, write_graph
from sealkit.files import replace_folder, write_text
from sealkit.modules.base import WeightsExport
from sealkit.modules.table import info
from sealkit.runtime.files import YML
from sealkit.version import __version__


def export_weights(
    checkpoint: Any, output_dir: str | Path, model: str, images: Sequence[np.ndarray] | None = None
) -> dict[str, Any]:
    """Load weights strictly, write the folder, run it and compare.

    Args:
        checkpoint: weights file, checkpoint folder, tag, or arrays by name.
        output_dir: folder to write; replaced as a whole, and only when everything has been proved.
        model: official name.
        images: (H, W, 3) uint8 BGR for the proof; None: drawn ones.

    Returns:
        The content of export_report.json.

    Raises:
        ConfigError: a model that is exported by its recipe.
        WeightsError: tensors are missing or of another shape (those that inference has no use for may be).
        ExportError: no parity, or a folder that holds something else.
    """
    import paddle

    from sealkit import zoo
    from sealkit.runtime.model import load_model

    spec = zoo.get(model)
    row = info(spec.module).weights_export()
    output_dir = Path(output_dir)
    check_target(output_dir)
    net = spec.build()
    loaded = _load(net, checkpoint, model, row)
    net = row.inference(net)
    feeds = row.feeds(images)
    with paddle.no_grad():
        expected = [net(paddle.to_tensor(feed)).numpy() for feed in feeds]
    report: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        write_graph(net, row.inputs(), folder, interpolates=row.interpolates)
        write_text(folder / YML, yaml.safe_dump(row.spec(model), sort_keys=False))
        loaded_model = load_model(folder, "paddle", "cpu")
        worst = max(float(np.abs(loaded_model.run(f)[0] - e).mean()) for f, e in zip(feeds, expected))
        loaded_model.close()
        if not worst <= row.mean_difference:  # also catches NaN
            raise ExportError(
                f"the exported graph differs from the network by {worst:.2e} on average, "
                f"allowed {row.mean_difference:.0e}",
                where="paddle",
                hint="nothing was written; check that the weights belong to this model",
            )
        report.update(
            {
                "sealkit": __version__,
                "paddle": paddle.__version__,
                "module": spec.module,
                "model": model,
                "weights": loaded.summary(),
                "difference": f"mean difference of values 0..1: {worst:.1e}",
                "images": [list(feed.shape) for feed in feeds],
                "files": {p.name: file_facts(p) for p in sorted(folder.iterdir())},
            }
        )
        write_text(folder / REPORT, json.dumps(report, ensure_ascii=False, indent=2))

    replace_folder(output_dir, fill)
    return report


def _load(net: Any, checkpoint: Any, model: str, row: WeightsExport) -> Any:
    from sealkit.weights.loading import load_into
    from sealkit.weights.sources import resolve

    source = resolve(checkpoint, model) if isinstance(checkpoint, (str, Path)) else checkpoint
    loaded = load_into(net, source)
    lacking = [name for name in loaded.new if not name.startswith(row.unused)]
    if lacking or loaded.resized:
        raise WeightsError(
            f"weights of a different network: {loaded.summary()}",
            where=loaded.source,
            hint=f"take the official {model}_pretrained.pdparams; an inference folder runs without an export",
        )
    return loaded


__all__ = ["export_weights"]
