"""Samples of a classifier of orientations: augmented for training, as it is run for evaluation.

Sets are labelled, or hold upright images that are turned here: in training each by an angle of the sample's own rng,
in evaluation by those of all classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.config.base import Settings
from sealkit.data.labels.orientation import PageSample, read_page_labels, read_upright
from sealkit.data.mix import SetMix, validation_share
from sealkit.data.transforms.chain import READING, AugmentChain
from sealkit.data.transforms.scene import Scene
from sealkit.data.usable import set_facts, usable
from sealkit.engine.task import SampleSource
from sealkit.errors import ConfigError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.orientations import PAGES, Orientations
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.modules.doc_text_orientation.preprocess import to_input
from sealkit.modules.doc_text_orientation.settings import OrientationRecipe, OriSetSettings


def load_set(settings: OriSetSettings, max_broken_share: float = 0.01, about: Orientations = PAGES) -> list[PageSample]:
    """Samples of one set. Bad lines are logged, and refused where they are more than the share.

    Raises:
        DataError: the label file is missing, has no usable line, or too many bad ones.
    """
    labels = settings.labels or ""
    if settings.upright:
        read = read_upright(settings.root, settings.labels)
    else:
        read = read_page_labels(settings.root, labels, about.angles)
    return usable(read, settings.root, labels, about.module, max_broken_share)


def set_info(settings: OriSetSettings, samples: Sequence[PageSample], about: Orientations = PAGES) -> dict[str, Any]:
    """What a run notes about a set; see `set_facts`."""
    classes = Counter(str(about.angles[sample.label]) for sample in samples)
    counts = {"upright": len(samples)} if settings.upright else dict(sorted(classes.items()))
    facts = set_facts(settings.root, settings.labels, samples, texts=False)
    return {**facts, "upright": settings.upright, "classes": counts}


def lying(image: np.ndarray, label: int, about: Orientations = PAGES) -> np.ndarray:
    """An upright image (H, W, 3), turned clockwise by the angle of a class."""
    return turn(image, -about.angles[label])


class TrainSource(SampleSource):
    """Augmented samples.

    Each sample: "image" (3, h, w) float32 normalised RGB; "label" () int64; "name", "path". With `data.all_angles` a
    copy turned by the angle of each class: "image" (classes, 3, h, w), "label" (classes,).

    Args:
        recipe: augmentations and the sets' ratios.
        sets: samples of each of the recipe's training sets.
        about: the classes.

    Raises:
        ConfigError: augmentations after which the characters cannot be read, or whose images are not square where
            quarter turns are made.
        DataError: `get` raises ImageError for an unreadable image.
    """

    def __init__(
        self, recipe: OrientationRecipe, sets: Sequence[Sequence[PageSample]], about: Orientations = PAGES
    ) -> None:
        self._turns = [step.p for step in recipe.augment if step.op == about.turned_by]
        self._chain = AugmentChain([s for s in recipe.augment if s.op != about.turned_by], frozenset({READING}), None)
        self._resize, self._all, self._about = recipe.resize, recipe.data.all_angles, about
        size = self._chain.size or recipe.resize.size
        if size[0] != size[1] and any(angle % 180 for angle in about.angles):
            raise ConfigError(
                "the augmentations give images that are not square: turned ones do not fit in a batch",
                where="augment",
                value=list(size),
                hint=f"give the crop equal sides, such as {list(recipe.resize.size)}",
            )
        self._entries = recipe.data.train
        self._sets = sets
        self._mix = SetMix([len(s) for s in self._sets], [s.ratio for s in self._entries], recipe.seed)

    def __len__(self) -> int:
        return len(self._mix)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The sample at `index` of an epoch, augmented and turned by `rng` alone; keys as the class says."""
        sample, image, label = self.augmented(index, epoch, rng)
        turns = range(len(self._about.angles)) if self._all else range(1)
        images = np.stack([to_input(lying(image, turned, self._about)) for turned in turns])
        labels = np.asarray([self._about.after(label, turned) for turned in turns], np.int64)
        return {
            "image": images if self._all else images[0],
            "label": labels if self._all else labels[0, ...],
            "name": f"{sample.where} {sample.image_path.name}",
            "path": str(sample.image_path),
        }

    def augmented(self, index: int, epoch: int, rng: np.random.Generator) -> tuple[PageSample, np.ndarray, int]:
        """The augmented image (h, w, 3) uint8 BGR and its class, for display."""
        which, number = self._mix.pick(index, epoch)
        sample = self._sets[which][number]
        scene = self._chain(Scene.of(read_image(sample.image_path), []), rng)
        image = self._about.fit(scene.image, self._resize) if self._chain.size is None else scene.image
        # Turned last, where the image is small: a crop of a turned page is the turned crop of the page.
        classes = len(self._about.angles)
        turned = int(rng.integers(classes)) if self._entries[which].upright else 0
        for p in self._turns:
            if rng.random() < p:
                turned = self._about.after(turned, int(rng.integers(classes)))
        return sample, lying(image, turned, self._about), self._about.after(sample.label, turned)


class EvalSource(SampleSource):
    """Images as they are fed when the classifier runs; an upright one once a class, lying at each angle.

    Each sample: "image" (3, h, w) float32; "label" () int64; "name", "path", "turned" (class of the turn that was
    made here, 0 for labelled images).

    Args:
        sets: validation sets with their samples; a ratio below 1 takes that share, evenly spread and always the same.
        resize: sizes of pre-processing, the recipe's.
        about: the classes.
    """

    def __init__(
        self,
        sets: Sequence[tuple[OriSetSettings, Sequence[PageSample]]],
        resize: Settings,
        about: Orientations = PAGES,
    ) -> None:
        self._resize, self._about = resize, about
        self._samples: list[tuple[PageSample, int]] = []
        for number, (entry, samples) in enumerate(sets):
            chosen = validation_share(samples, entry.ratio, number)
            turns = range(len(about.angles)) if entry.upright else (0,)
            self._samples += [(sample, label) for sample in chosen for label in turns]

    def __len__(self) -> int:
        return len(self._samples)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The image at `index`, the same in every epoch. ImageError where its file cannot be read."""
        sample, turned = self._samples[index]
        image = read_image(sample.image_path)
        note = f" turned {self._about.angles[turned]}°" if turned else ""
        return {
            "image": to_input(self._about.fit(lying(image, turned, self._about), self._resize)),
            "label": np.asarray(self._about.after(sample.label, turned), np.int64),
            "turned": turned,
            "name": f"{sample.where} {sample.image_path.name}{note}",
            "path": str(sample.image_path),
        }


def collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Arrays are stacked, those of several images a sample joined; everything else becomes a list."""
    join = np.concatenate if samples[0]["image"].ndim == 4 else np.stack
    batch: dict[str, Any] = {}
    for key in samples[0]:
        values = [sample[key] for sample in samples]
        batch[key] = join(values) if isinstance(values[0], np.ndarray) else values
    return batch


__all__ = ["EvalSource", "TrainSource", "collate", "load_set", "lying", "set_info"]
