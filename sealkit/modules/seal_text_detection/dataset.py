"""Samples of the detector: augmented with targets for training, as the pipeline sees an image for evaluation."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from sealkit.data.labels.detection import read_det_labels
from sealkit.data.mix import SetMix, validation_share
from sealkit.data.records import DetSample
from sealkit.data.transforms.chain import FIELDS, OUTLINES, AugmentChain
from sealkit.data.transforms.scene import Scene
from sealkit.data.usable import set_facts, usable
from sealkit.engine.task import SampleSource
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.models import MODULE
from sealkit.modules.seal_text_detection.preprocess import normalise, preprocess
from sealkit.modules.seal_text_detection.settings import DetResizeSettings, DetSetSettings, SealTextDetectionRecipe
from sealkit.modules.seal_text_detection.targets import FieldLine, db_targets, field_targets


def load_set(settings: DetSetSettings, max_broken_share: float = 0.01) -> list[DetSample]:
    """Samples of one set. Bad lines are logged, and refused where they are more than the share.

    Raises:
        DataError: the label file is missing, has no usable line, or too many bad ones.
    """
    read = read_det_labels(settings.root, settings.labels)
    return usable(read, settings.root, settings.labels, MODULE, max_broken_share)


def set_info(settings: DetSetSettings, samples: Sequence[DetSample]) -> dict[str, Any]:
    """What a run notes about a set; see `set_facts`."""
    shapes = Counter(line.shape for sample in samples for line in sample.lines if line.shape is not None)
    return {**set_facts(settings.root, settings.labels, samples), "shapes": dict(sorted(shapes.items()))}


class TrainSource(SampleSource):
    """Augmented samples with targets.

    Each sample: "image" (3, H, W) float32 normalised; "shrink_map", "shrink_mask", "threshold_map", "threshold_mask"
    (H, W) float32; with fields "up" (2, H/4, W/4), "up_mask", "area", "area_mask" (H/4, W/4) float32; "name", "path".

    Args:
        recipe: augmentations, targets and the sets' ratios.
        sets: samples of each of the recipe's training sets.

    Raises:
        ConfigError: augmentations that cannot keep what the targets need.
        DataError: `get` raises ImageError for an unreadable image.
    """

    def __init__(self, recipe: SealTextDetectionRecipe, sets: Sequence[Sequence[DetSample]]) -> None:
        needs = frozenset({OUTLINES, FIELDS} if recipe.network.fields else {OUTLINES})
        self._chain = AugmentChain(recipe.augment, needs)
        self._fields, self._targets = recipe.network.fields, recipe.targets
        self._sets = sets
        self._mix = SetMix([len(s) for s in self._sets], [s.ratio for s in recipe.data.train], recipe.seed)

    def __len__(self) -> int:
        return len(self._mix)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The sample at `index` of an epoch, augmented by `rng` alone, with its targets; keys as the class says."""
        which, number = self._mix.pick(index, epoch)
        sample = self._sets[which][number]
        scene = self._chain(_scene(sample), rng, self._draw_other)
        arrays = self._arrays(scene)
        return {**arrays, "name": f"{sample.where} {sample.image_path.name}", "path": str(sample.image_path)}

    def scene(self, index: int, epoch: int, rng: np.random.Generator) -> Scene:
        """The augmented image with its lines, before targets, for display."""
        which, number = self._mix.pick(index, epoch)
        return self._chain(_scene(self._sets[which][number]), rng, self._draw_other)

    def _draw_other(self, rng: np.random.Generator) -> Scene | None:
        samples = self._sets[int(rng.integers(len(self._sets)))]
        for _ in range(10):  # images without text have nothing to paste
            sample = samples[int(rng.integers(len(samples)))]
            if sample.lines:
                return _scene(sample)
        return None

    def _arrays(self, scene: Scene) -> dict[str, np.ndarray]:
        parts = scene.parts
        maps = db_targets([p.outline for p in parts], [p.ignore for p in parts], scene.size, self._targets)
        arrays = {
            "image": normalise(np.ascontiguousarray(scene.image)),
            "shrink_map": maps.shrink_map,
            "shrink_mask": maps.shrink_mask,
            "threshold_map": maps.threshold_map,
            "threshold_mask": maps.threshold_mask,
        }
        if self._fields:
            lines = [FieldLine(line.points, line.ordered, line.label.seal) for line in scene.lines]
            arrays.update(field_targets(lines, scene.size))
        return arrays


class EvalSource(SampleSource):
    """Images as the pipeline feeds them, with their labels in source pixels.

    Each sample: "image" (3, h, w) float32; "source_hw", "padded_hw"; "gt" list of dicts (points (N, 2) float32 source
    pixels, ignore, text, shape, angle, direction, seal); "name", "path".

    Args:
        sets: validation sets with their samples; a ratio below 1 takes that share, evenly spread and always the same.
        resize: size limits of pre-processing.
        rule: `pipeline`, or `official` to reproduce published tables.
    """

    def __init__(
        self,
        sets: Sequence[tuple[DetSetSettings, Sequence[DetSample]]],
        resize: DetResizeSettings,
        rule: Literal["pipeline", "official"] = "pipeline",
    ) -> None:
        self._resize, self._rule = resize, rule
        self._samples: list[DetSample] = []
        for number, (entry, samples) in enumerate(sets):
            self._samples += validation_share(samples, entry.ratio, number)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def samples(self) -> list[DetSample]:
        """The labelled images in the order of `get`."""
        return self._samples

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The image at `index`, the same in every epoch. ImageError where its file cannot be read."""
        sample = self._samples[index]
        image, info = preprocess(read_image(sample.image_path), self._resize, rule=self._rule)
        return {
            "image": image,
            "source_hw": info.source_hw,
            "padded_hw": info.padded_hw,
            "gt": ground_truth(sample),
            "name": f"{sample.where} {sample.image_path.name}",
            "path": str(sample.image_path),
        }


def ground_truth(sample: DetSample) -> list[dict[str, Any]]:
    """A sample's lines as plain dicts, what `DetMetric` and reports read."""
    return [
        {
            "points": np.asarray(line.points, np.float32),
            "ignore": line.ignore,
            "text": line.text,
            "shape": line.shape,
            "angle": line.angle,
            "direction": line.direction,
            "seal": line.seal,
        }
        for line in sample.lines
    ]


def collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Arrays of one shape are stacked, everything else becomes a list.

    Images of different sizes (evaluation) are padded with zeros on the right and below; "input_hw" keeps each one's
    own size, and the padding's share of the map is cut off before decoding.
    """
    batch: dict[str, Any] = {}
    for key in samples[0]:
        values = [sample[key] for sample in samples]
        if key == "image":
            batch["input_hw"] = [value.shape[1:] for value in values]
            batch[key] = _stack_padded(values)
        elif isinstance(values[0], np.ndarray):
            batch[key] = np.stack(values)
        else:
            batch[key] = values
    return batch


def _stack_padded(images: Sequence[np.ndarray]) -> np.ndarray:
    if len({image.shape for image in images}) == 1:
        return np.stack(images)
    height, width = max(i.shape[1] for i in images), max(i.shape[2] for i in images)
    out = np.zeros((len(images), images[0].shape[0], height, width), np.float32)
    for n, image in enumerate(images):
        out[n, :, : image.shape[1], : image.shape[2]] = image
    return out


def _scene(sample: DetSample) -> Scene:
    return Scene.of(read_image(sample.image_path), sample.lines)


def measure_data_rate(recipe: SealTextDetectionRecipe, batches: int = 20) -> float:
    """Training samples per second of the data pipeline alone, in this process, at the recipe's batch size."""
    sets = [load_set(entry, recipe.train.max_broken_share) for entry in recipe.data.train]
    source = TrainSource(recipe, sets)
    size = recipe.train.batch_size

    def batch(number: int) -> None:
        collate(
            [
                source.get(i % len(source), i // len(source), np.random.default_rng(i))
                for i in range(number * size, (number + 1) * size)
            ]
        )

    batch(0)  # imports and file caches
    started = time.perf_counter()
    for number in range(1, batches + 1):
        batch(number)
    return batches * size / (time.perf_counter() - started)


__all__ = ["EvalSource", "TrainSource", "collate", "ground_truth", "load_set", "measure_data_rate"]
