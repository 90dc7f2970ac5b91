"""Samples of the layout detector: augmented pages for training, pages as the pipeline sees them for evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sealkit.data.batches import DRAW, drawn
from sealkit.data.labels.coco import CocoSet, counted_boxes, read_coco
from sealkit.data.mix import SetMix, validation_share
from sealkit.data.records import LayoutSample
from sealkit.data.transforms.boxes import BoxChain, BoxScene
from sealkit.data.usable import set_facts, usable
from sealkit.engine.task import SampleSource
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.layout_detection.models import MODULE
from sealkit.modules.layout_detection.preprocess import INTERPOLATIONS, Normalisation, preprocess, to_input
from sealkit.modules.layout_detection.settings import LayoutDetectionRecipe, LayoutSetSettings, Size

NO_CLASS = -1  # class of the rows that fill up a batch's boxes


def load_set(settings: LayoutSetSettings, max_broken_share: float = 0.01) -> CocoSet:
    """One set. Faults are logged, and refused where they are more than the share of its annotations and images.

    Raises:
        DataError: the label file is missing or no COCO, has no usable image, or too many faults.
    """
    found = read_coco(settings.root, settings.labels)
    parts = len(found.samples) + sum(len(sample.boxes) for sample in found.samples)
    usable((found.samples, found.problems), settings.root, settings.labels, MODULE, max_broken_share, parts)
    return found


def set_info(settings: LayoutSetSettings, found: CocoSet) -> dict[str, Any]:
    """What a run notes about a set; see `set_facts`."""
    return {
        **set_facts(settings.root, settings.labels, found.samples, texts=False, suffix=".json"),
        "categories": list(found.categories),
        "boxes": counted_boxes(found.samples),
        "without_boxes": sum(not sample.boxes for sample in found.samples),
    }


@dataclass(frozen=True)
class Page:
    """A sample with class ids in place of names; boxes of other classes are gone.

    Attributes:
        sample: as the label file has it.
        boxes: (N, 4) float32 x1, y1, x2, y2 in source pixels.
        classes: (N,) int64.
        crowd: (N,) bool.
    """

    sample: LayoutSample
    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray

    @property
    def name(self) -> str:
        """Label file and place of the page there, for messages."""
        return f"{self.sample.where}"

    @property
    def path(self) -> str:
        """The image's file."""
        return str(self.sample.image_path)


def pages_of(found: CocoSet, classes: Sequence[str], where: str) -> tuple[list[Page], int]:
    """Pages with class ids, and the number of boxes whose category is none of the classes.

    Raises:
        DataError: not one category of the set is a class.
    """
    ids = {name: number for number, name in enumerate(classes)}
    if not set(found.categories) & set(ids):
        raise DataError(
            "no category of this set is among the run's classes",
            where=where,
            value=list(found.categories),
            hint=f"the classes are {', '.join(classes)}; rename the categories, or set data.classes",
        )
    pages, left_out = [], 0
    for sample in found.samples:
        boxes = [box for box in sample.boxes if box.label in ids]
        left_out += len(sample.boxes) - len(boxes)
        pages.append(
            Page(
                sample,
                np.array([box.box for box in boxes], np.float32).reshape(-1, 4),
                np.array([ids[box.label] for box in boxes], np.int64),
                np.array([box.crowd for box in boxes], bool),
            )
        )
    return pages, left_out


class TrainSource(SampleSource):
    """Augmented pages.

    Each sample: "pixels" (H, W, 3) uint8 BGR of any size; "boxes" (N, 4) float32 in its pixels, "classes" (N,) int64;
    "batch_draw", by which the batch's size is chosen; "name", "path".

    Args:
        sets: pages of each training set, with their shares of an epoch.

    Raises:
        DataError: no page is left; `get` raises ImageError for an unreadable image.
    """

    def __init__(
        self, sets: Sequence[tuple[list[Page], float]], recipe: LayoutDetectionRecipe, classes: Sequence[str]
    ) -> None:
        self._chain = BoxChain(recipe.augment, classes)
        drop = recipe.data.empty_pages == "drop"
        self._sets = [[page for page in pages if len(page.boxes) or not drop] for pages, _ in sets]
        self.dropped = sum(len(pages) for pages, _ in sets) - sum(map(len, self._sets))
        for entry, pages in zip(recipe.data.train, self._sets):
            if not pages:
                raise DataError(
                    "no page of this set has a box of the run's classes",
                    where=f"{entry.root}: {entry.labels}",
                    hint="set data.empty_pages=keep to train on pages without boxes",
                )
        self._mix = SetMix([len(pages) for pages in self._sets], [ratio for _, ratio in sets], recipe.seed)
        wanted = {name for step in recipe.augment if step.op == "copy_paste" for name in step.labels}
        ids = [number for number, name in enumerate(classes) if name in wanted]
        # pages that something can be pasted from
        self._donors = [page for pages in self._sets for page in pages if np.isin(page.classes, ids).any()]

    def __len__(self) -> int:
        return len(self._mix)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The page at `index` of an epoch, augmented by `rng` alone; keys as the class says."""
        choice = float(rng.random())
        page = self._page(index, epoch)
        scene = self._chain(_scene(page), rng, self._draw_donor)
        return {
            "pixels": scene.image,
            "boxes": np.ascontiguousarray(scene.boxes, np.float32).reshape(-1, 4),
            "classes": scene.classes.astype(np.int64),
            DRAW: choice,
            "name": page.name,
            "path": page.path,
        }

    def _page(self, index: int, epoch: int) -> Page:
        which, number = self._mix.pick(index, epoch)
        return self._sets[which][number]

    def _draw_donor(self, rng: np.random.Generator) -> BoxScene | None:
        return _scene(self._donors[int(rng.integers(len(self._donors)))]) if self._donors else None


class EvalSource(SampleSource):
    """Pages as the pipeline feeds them, with their labels in source pixels.

    Each sample: "image" (3, h, w) float32, "im_shape" (2,), "scale_factor" (2,), see `LayoutInput`; "source_hw"; "gt":
    list of dicts (box [x1, y1, x2, y2], label, crowd); "name", "path".

    Args:
        sets: pages of each validation set with its ratio; below 1 it takes that share of the pages, evenly spread and
            always the same.
        size: (height, width) of the input.
        norm, interpolation: of pre-processing.
    """

    def __init__(
        self, sets: Sequence[tuple[list[Page], float]], size: Size, norm: Normalisation, interpolation: str
    ) -> None:
        self._size, self._norm, self._interpolation = size, norm, interpolation
        self._pages: list[Page] = []
        for number, (pages, ratio) in enumerate(sets):
            self._pages += validation_share(pages, ratio, number)

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The page at `index`, the same in every epoch. ImageError where its file cannot be read."""
        page = self._pages[index]
        image = read_image(page.sample.image_path)
        made = preprocess(image, self._size, self._norm, self._interpolation)
        return {
            "image": made.image,
            "im_shape": made.im_shape,
            "scale_factor": made.scale_factor,
            "source_hw": (image.shape[0], image.shape[1]),
            "gt": ground_truth(page),
            "name": page.name,
            "path": page.path,
        }


def ground_truth(page: Page) -> list[dict[str, Any]]:
    """A page's boxes as plain dicts, what `LayoutMetric` and reports read."""
    return [
        {"box": box.tolist(), "label": int(label), "crowd": bool(crowd)}
        for box, label, crowd in zip(page.boxes, page.classes, page.crowd)
    ]


@dataclass(frozen=True)
class Collate:
    """Collates samples; worker processes receive it unchanged.

    Training pages are resized to one of the sizes in one of the ways, both chosen by the draw of the batch's first
    sample, then normalised. Their boxes become "boxes" (N, M, 4) float32 in input pixels and "classes" (N, M) int64,
    filled up with class -1; M is at least 1. Evaluation pages come with their inputs made.

    Attributes:
        sizes: (height, width) of training batches.
        interpolations: keys of `INTERPOLATIONS`.
        norm: normalisation.
    """

    sizes: tuple[Size, ...]
    interpolations: tuple[str, ...]
    norm: Normalisation

    def __call__(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The batch by key: NumPy arrays and lists, all pages of one height and width."""
        samples = [self._resized(sample, samples) for sample in samples] if "pixels" in samples[0] else samples
        batch: dict[str, Any] = {}
        for key in samples[0]:
            values = [sample[key] for sample in samples]
            if key in ("boxes", "classes"):
                batch[key] = _filled(values, NO_CLASS if key == "classes" else 0)
            elif isinstance(values[0], np.ndarray):
                batch[key] = np.stack(values)
            else:
                batch[key] = values
        return batch

    def _resized(self, sample: Mapping[str, Any], batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        number = drawn(batch, len(self.sizes) * len(self.interpolations))
        size = self.sizes[number // len(self.interpolations)]
        mode = INTERPOLATIONS[self.interpolations[number % len(self.interpolations)]]
        pixels = sample["pixels"]
        factor = np.array([size[0] / pixels.shape[0], size[1] / pixels.shape[1]], np.float32)
        resized = cv2.resize(pixels, (size[1], size[0]), interpolation=mode)
        rest = {key: value for key, value in sample.items() if key not in ("pixels", DRAW)}
        return {
            **rest,
            "image": to_input(resized, self.norm),
            "im_shape": np.array(size, np.float32),
            "scale_factor": factor,
            "boxes": sample["boxes"] * factor[[1, 0, 1, 0]],
        }


def _filled(arrays: Sequence[np.ndarray], value: float) -> np.ndarray:
    """Arrays (n, …) of different n as one (N, M, …), filled up with a value."""
    out = np.full((len(arrays), max(1, *(len(a) for a in arrays)), *arrays[0].shape[1:]), value, arrays[0].dtype)
    for row, array in zip(out, arrays):
        row[: len(array)] = array
    return out


def _scene(page: Page) -> BoxScene:
    """Crowds are not trained on."""
    image = read_image(page.sample.image_path)
    scene = BoxScene(image, page.boxes[~page.crowd], page.classes[~page.crowd])
    scene.clip()
    return scene


__all__ = ["Collate", "EvalSource", "Page", "TrainSource", "ground_truth", "load_set", "pages_of", "set_info"]
