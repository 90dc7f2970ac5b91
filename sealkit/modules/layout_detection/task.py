"""Layout detection as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.data.labels.coco import CocoSet, counted_boxes
from sealkit.data.usable import refuse_nothing
from sealkit.engine.task import Metric, SampleSource, StepState
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.layout_detection.classes import choose_classes
from sealkit.modules.layout_detection.dataset import (
    Collate,
    EvalSource,
    Page,
    TrainSource,
    load_set,
    pages_of,
    set_info,
)
from sealkit.modules.layout_detection.metric import LayoutMetric
from sealkit.modules.layout_detection.models import MODELS, MODULE, LayoutSpec
from sealkit.modules.layout_detection.postprocess import split_pages
from sealkit.modules.layout_detection.preprocess import INTERPOLATIONS, NORMALISATIONS, squeeze, to_input
from sealkit.modules.layout_detection.settings import LayoutDetectionRecipe, Size
from sealkit.modules.task import ModuleTask
from sealkit.weights.loading import LoadReport

ARCHITECTURES = {"picodet": "PicoDet", "rtdetr": "DETR"}  # `arch` of inference.yml
STRIDES = [8, 16, 32, 64]
SOME_PAGES, SOME_SIDE = 32, 384
"""Pages, and the side in pixels they are squeezed to, that weights of a wider network are fitted on."""


class LayoutDetectionTask(ModuleTask[LayoutDetectionRecipe]):
    """The module's answers to the loop's questions (see `sealkit.engine.task.Task`).

    The classes are resolved when they are first asked for: those of a restored checkpoint or folder, else the recipe's,
    else the training data's (`classes.choose_classes`).
    """

    name = MODULE
    models = MODELS
    spec: LayoutSpec
    default_metric = "map"

    def __init__(self, recipe: LayoutDetectionRecipe) -> None:
        super().__init__(recipe)
        self._restored: tuple[str, ...] | None = None
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None
        sizes, norm = recipe.batch.sizes or (self.input_size,), NORMALISATIONS[self.family]
        # A callable without paddle: worker processes unpickle it without the task.
        self.collate = Collate(sizes, recipe.batch.interpolations, norm)

    @property
    def family(self) -> str:
        """`picodet` or `rtdetr`."""
        return self.spec.architecture

    @property
    def input_size(self) -> Size:
        """(height, width) of the input in evaluation and of the exported graph."""
        fed = self.spec.input
        return self.recipe.resize.target_size or (int(fed.height or 0), int(fed.width or 0))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by id."""
        if self._restored is not None:
            return self._restored
        wanted = self.recipe.data.classes
        return wanted or choose_classes(None, self.train_sets[0].categories, self.recipe.model)

    def restore(self, extras: Mapping[str, Any]) -> None:
        """Take the classes that a checkpoint ("classes") or an exported folder ("label_list") carries. Classes the
        recipe names itself stay: where they differ, that is refused elsewhere."""
        found = extras.get("classes") or extras.get("label_list")
        if found and self.recipe.data.classes is None:
            self._restored = tuple(str(name) for name in found)
            self._train = self._eval = None

    def load_set(self, entry: Any) -> Any:
        """See `dataset.load_set`."""
        return load_set(entry, self.recipe.train.max_broken_share)

    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        """See `dataset.set_info`."""
        return set_info(entry, found)

    @property
    def freezes_batch_norm(self) -> bool:
        """`network.freeze_bn`."""
        return self.recipe.network.freeze_bn

    def make_network(self) -> Any:
        """The training network with the run's classes."""
        network = self.recipe.network
        net = self.spec.build(form=network.form, num_classes=len(self.classes))
        if self.family == "rtdetr":
            net.denoising = network.denoising
        return net

    def load_weights(self, net: Any, source: Any, allow_partial: bool = False) -> LoadReport:
        """Load weights whose classes may be others; see `start.load_start`."""
        from sealkit.modules.layout_detection.start import load_start

        return load_start(net, self.spec, self.classes, source, allow_partial, self._some_pages)

    def _some_pages(self) -> np.ndarray:
        """Network inputs (N, 3, side, side) of training pages, evenly spread over the sets. Pages that cannot be read
        are passed over.

        Raises:
            DataError: none can be read.
        """
        samples = [sample for found in self.train_sets for sample in found.samples]
        inputs = []
        for sample in samples[:: max(1, len(samples) // SOME_PAGES)][:SOME_PAGES]:
            try:
                page = read_image(sample.image_path)
            except DataError:
                continue
            inputs.append(to_input(squeeze(page, (SOME_SIDE, SOME_SIDE)), NORMALISATIONS[self.family]))
        if not inputs:
            raise DataError(
                "no training page can be read to fit the weights on",
                where=str(self.recipe.data.train[0].root),
                hint="`sealkit data check` lists the faults of the images",
            )
        return np.stack(inputs)

    def train_samples(self) -> TrainSource:
        """Augmented pages. DataError where a set has no page left to train on."""
        if self._train is None:
            recipe = self.recipe
            sets = zip(recipe.data.train, self.train_sets)
            pages = [(self._pages(entry, found), entry.ratio) for entry, found in sets]
            samples = [sample for found in self.train_sets for sample in found.samples]
            boxes = sum(counted_boxes(samples).get(name, 0) for name in self.classes)
            refuse_nothing(boxes, len(samples), f"box of {', '.join(self.classes)}", str(recipe.data.train[0].root))
            self._train = TrainSource(pages, recipe, self.classes)
        return self._train

    def eval_samples(self) -> SampleSource:
        """Pages of the validation sets, as the pipeline feeds them."""
        if self._eval is None:
            sets = zip(self.recipe.data.val, self.val_sets)
            pages = [(self._pages(entry, found), entry.ratio) for entry, found in sets]
            interpolation = self.recipe.resize.interpolation
            self._eval = EvalSource(pages, self.input_size, NORMALISATIONS[self.family], interpolation)
        return self._eval

    def _pages(self, entry: Any, found: CocoSet) -> list[Page]:
        return pages_of(found, self.classes, f"{entry.root}: {entry.labels}")[0]

    def data_info(self) -> dict[str, Any]:
        """Classes, fingerprint and counts of every set; a resumed run must find them unchanged."""
        return {"classes": list(self.classes), **super().data_info()}

    def warnings(self) -> list[str]:
        """What of the data is not used, and classes that cannot be learnt from it."""
        notes = []
        dropped = self.train_samples().dropped
        if dropped:
            notes.append(f"{dropped} training pages without a box are left out (data.empty_pages: drop)")
        for part, sets in (("training", self.train_sets), ("validation", self.val_sets)):
            lost = {name: 0 for found in sets for name in found.categories if name not in self.classes}
            for found in sets:
                for name, count in counted_boxes(found.samples).items():
                    if name in lost:
                        lost[name] += count
            shown = ", ".join(f"{name} {count}" for name, count in lost.items() if count)
            if shown:
                notes.append(f"{part} boxes of categories outside the run's classes are left out: {shown}")
        counts = [counted_boxes(found.samples) for found in self.train_sets]
        empty = [name for name in self.classes if not any(count.get(name) for count in counts)]
        if empty:
            notes.append(f"no training box of {', '.join(empty)}: the network will not learn it")
        return notes

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """Raw outputs in training; in evaluation what the exported graph gives."""
        if state.training:
            targets = self._targets(batch)
            return net(batch["image"], batch["im_shape"], batch["scale_factor"], targets=targets, rng=state.rng)
        names = {"picodet": ("image", "scale_factor"), "rtdetr": ("im_shape", "image", "scale_factor")}[self.family]
        boxes, counts = self.detector(net)(*(batch[name] for name in names))
        return {"boxes": boxes, "boxes_num": counts}

    def detector(self, net: Any) -> Any:
        """A layer around the network, which stays as it is: inputs of the exported graph → its outputs."""
        if self.family == "picodet":
            from sealkit.modules.layout_detection.networks.picodet import InferencePicoDet

            layer: Any = InferencePicoDet(net, self._nms())
        else:
            from sealkit.modules.layout_detection.networks.rtdetr import InferenceRTDETR

            layer = InferenceRTDETR(net)
        return layer

    def inference_network(self, net: Any) -> Any:
        """The layer to export; the network is fused in place."""
        if self.family == "picodet":
            from sealkit.modules.layout_detection.networks import picodet

            return picodet.inference_network(net, self._nms())
        from sealkit.modules.layout_detection.networks import rtdetr

        return rtdetr.inference_network(net, self.input_size)

    def _nms(self) -> Any:
        from sealkit.modules.layout_detection.networks.picodet import NmsSettings

        post = self.recipe.postprocess
        return NmsSettings(post.score_threshold, post.nms_before, post.nms_iou, post.keep)

    @staticmethod
    def _targets(batch: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
        """Boxes and classes of each page without the rows that fill up the batch."""
        boxes, classes = np.asarray(batch["boxes"], np.float32), np.asarray(batch["classes"], np.int64)
        real = classes >= 0
        return {
            "boxes": [page[kept] for page, kept in zip(boxes, real)],
            "classes": [page[kept] for page, kept in zip(classes, real)],
        }

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Terms by name of the family's loss; see `layout_loss`."""
        from sealkit.modules.layout_detection.loss import layout_loss

        loss = layout_loss(self.family, len(self.classes), self.recipe.loss, state.all_sum)
        return loss(outputs, self._targets(batch), state.epoch)

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Records with "pred" (K, 6) float32 class, score, x1, y1, x2, y2 in source pixels, and labels."""
        pages = split_pages(outputs["boxes"], outputs["boxes_num"])
        return [
            {
                "index": int(index),
                "name": batch["name"][n],
                "path": batch["path"][n],
                "size": tuple(int(side) for side in batch["source_hw"][n]),
                "gt": batch["gt"][n],
                "pred": pages[n][:, :6],
            }
            for n, index in enumerate(batch["index"])
        ]

    def metric(self) -> Metric:
        """Average precision over the run's classes; see `LayoutMetric`."""
        return LayoutMetric(self.classes)

    def inference_spec(self) -> Mapping[str, Any]:
        """What inference.yml says, the keys PaddleX reads and in the order its exporter writes them; sealkit's own
        settings under `Sealkit`."""
        recipe, post, norm = self.recipe, self.recipe.postprocess, NORMALISATIONS[self.family]
        interp = list(INTERPOLATIONS).index(recipe.resize.interpolation)
        spec: dict[str, Any] = {
            "mode": "paddle",
            "draw_threshold": post.draw_threshold,
            "metric": "COCO",
            "use_dynamic_shape": False,
            "Global": {"model_name": recipe.model},
            "arch": ARCHITECTURES[self.family],
            "min_subgraph_size": 3,
            "Preprocess": [
                {"type": "Resize", "target_size": list(self.input_size), "keep_ratio": False, "interp": interp},
                {
                    "type": "NormalizeImage",
                    "norm_type": "none" if self.family == "rtdetr" else "mean_std",
                    "is_scale": True,
                    "mean": list(norm.mean),
                    "std": list(norm.std),
                },
                {"type": "Permute"},
            ],
            "label_list": list(self.classes),
        }
        if self.family == "picodet":
            spec["NMS"] = {
                "keep_top_k": post.keep,
                "name": "MultiClassNMS",
                "nms_threshold": post.nms_iou,
                "nms_top_k": post.nms_before,
                "score_threshold": post.score_threshold,
            }
            spec["fpn_stride"] = STRIDES
        resize = {**recipe.resize.model_dump(mode="json"), "target_size": list(self.input_size)}
        own = {"module": self.name, "resize": resize, "postprocess": post.model_dump(mode="json")}
        return {**spec, "Sealkit": own}

    def checkpoint_extras(self) -> Mapping[str, Any]:
        """The keys "module", "model", "form" and "classes" (names by id)."""
        form = self.recipe.network.form
        return {"module": self.name, "model": self.recipe.model, "form": form, "classes": list(self.classes)}

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections of report.html; see `report.report_parts`."""
        from sealkit.modules.layout_detection.report import report_parts

        return report_parts(records, self.classes, self.recipe.postprocess.draw_threshold)


__all__ = ["LayoutDetectionTask"]
