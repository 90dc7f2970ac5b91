"""UVDoc's weights → PaddleX model folder. It has no recipe, no evaluation set and no metric of its own, so the proof is
the network's output on images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sealkit.errors import ExportError, WeightsError
from sealkit.export.model import REPORT, check_target, file_facts, write_graph
from sealkit.export.modules import GraphInput
from sealkit.runtime.files import YML
from sealkit.version import __version__
from sealkit.weights.atomic import replace_folder

UNUSED_HEAD = "out_point_positions3D."
MEAN_DIFFERENCE = 1e-3
"""Mean absolute difference allowed, of values 0..1. Single pixels may differ by more: where the grid is steep, rounding
samples a neighbour."""


def export_unwarping(
    checkpoint: Any, output_dir: str | Path, model: str = "UVDoc", images: Sequence[np.ndarray] | None = None
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
        WeightsError: tensors are missing or of another shape (the 3D head, which inference has no use for, may be).
        ExportError: no parity, or a folder that holds something else.
    """
    import paddle

    from sealkit import zoo
    from sealkit.drawing.documents import document_images
    from sealkit.modules.image_unwarping.networks.uvdoc import inference_network
    from sealkit.modules.image_unwarping.preprocess import preprocess
    from sealkit.runtime.model import load_model

    output_dir = Path(output_dir)
    check_target(output_dir)
    net = zoo.get(model).build()
    loaded = _load(net, checkpoint, model)
    net = inference_network(net)
    shown = document_images(((240, 320), (300, 200))) if images is None else images
    feeds = [preprocess(image)[None] for image in shown]
    with paddle.no_grad():
        expected = [net(paddle.to_tensor(feed)).numpy() for feed in feeds]
    report: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        write_graph(net, [GraphInput("image", (None, 3, None, None), "image")], folder, interpolates=True)
        spec = {"Global": {"model_name": model}, "Sealkit": {"module": "image_unwarping"}}
        (folder / YML).write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        loaded_model = load_model(folder, "paddle", "cpu")
        worst = max(float(np.abs(loaded_model.run(f)[0] - e).mean()) for f, e in zip(feeds, expected))
        loaded_model.close()
        if not worst <= MEAN_DIFFERENCE:  # also catches NaN
            raise ExportError(
                f"the exported graph differs from the network by {worst:.2e} on average, allowed {MEAN_DIFFERENCE:.0e}",
                where="paddle",
                hint="nothing was written; check that the weights belong to this model",
            )
        report.update(
            {
                "sealkit": __version__,
                "paddle": paddle.__version__,
                "module": "image_unwarping",
                "model": model,
                "weights": loaded.summary(),
                "difference": f"mean difference of values 0..1: {worst:.1e}",
                "images": [list(feed.shape) for feed in feeds],
                "files": {p.name: file_facts(p) for p in sorted(folder.iterdir())},
            }
        )
        (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=2), encoding="utf-8")

    replace_folder(output_dir, fill)
    return report


def _load(net: Any, checkpoint: Any, model: str) -> Any:
    from sealkit.weights.loading import load_into
    from sealkit.weights.sources import resolve

    source = resolve(checkpoint, model) if isinstance(checkpoint, (str, Path)) else checkpoint
    loaded = load_into(net, source)
    lacking = [name for name in loaded.new if not name.startswith(UNUSED_HEAD)]
    if lacking or loaded.resized:
        raise WeightsError(
            f"weights of another network: {loaded.summary()}",
            where=loaded.source,
            hint="take the official UVDoc_pretrained.pdparams; an inference folder needs no export, it runs as it is",
        )
    return loaded


__all__ = ["export_unwarping"]
