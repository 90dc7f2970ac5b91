"""Samples of the classifier: augmented for training, as the pipeline sees a page for evaluation.

Sets are labelled, or hold upright pages that are turned here: in training each by an angle of the sample's own rng,
in evaluation by all four.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.data.labels.orientation import ANGLES, PageSample, read_page_labels, read_upright
from sealkit.data.mix import SetMix, validation_share
from sealkit.data.transforms.chain import READING, AugmentChain
from sealkit.data.transforms.scene import Scene
from sealkit.data.usable import set_facts, usable
from sealkit.engine.task import SampleSource
from sealkit.errors import ConfigError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.models import MODULE
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.modules.doc_text_orientation.preprocess import preprocess, resize, to_input
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe, OriResizeSettings, OriSetSettings


def load_set(settings: OriSetSettings, max_broken_share: float = 0.01) -> list[PageSample]:
    """Samples of one set. Bad lines are logged, and refused where they are more than the share.

    Raises:
        DataError: the label file is missing, has no usable line, or too many bad ones.
    """
    labels = settings.labels or ""
    read = read_upright(settings.root, settings.labels) if settings.upright else read_page_labels(settings.root, labels)
    return usable(read, settings.root, labels, MODULE, max_broken_share)


def set_info(settings: OriSetSettings, samples: Sequence[PageSample]) -> dict[str, Any]:
    """What a run notes about a set; see `set_facts`."""
    classes = Counter(str(ANGLES[sample.label]) for sample in samples)
    counts = {"upright": len(samples)} if settings.upright else dict(sorted(classes.items()))
    facts = set_facts(settings.root, settings.labels, samples, texts=False)
    return {**facts, "upright": settings.upright, "classes": counts}


def lying(image: np.ndarray, label: int) -> np.ndarray:
    """An upright image (H, W, 3), turned clockwise by the angle of a class."""
    return turn(image, -ANGLES[label])


class TrainSource(SampleSource):
    """Augmented samples.

    Each sample: "image" (3, side, side) float32 normalised RGB; "label" () int64; "name", "path". With
    `data.all_angles` the four turned copies: "image" (4, 3, side, side), "label" (4,).

    Args:
        recipe: augmentations and the sets' ratios.
        sets: samples of each of the recipe's training sets.

    Raises:
        ConfigError: augmentations after which the characters cannot be read, or whose images are not square.
        DataError: `get` raises ImageError for an unreadable image.
    """

    def __init__(self, recipe: DocTextOrientationRecipe, sets: Sequence[Sequence[PageSample]]) -> None:
        self._turns = [step.p for step in recipe.augment if step.op == "rot90"]
        self._chain = AugmentChain([s for s in recipe.augment if s.op != "rot90"], frozenset({READING}), None)
        self._resize, self._all = recipe.resize, recipe.data.all_angles
        size = self._chain.size or (recipe.resize.crop, recipe.resize.crop)
        if size[0] != size[1]:
            raise ConfigError(
                "the augmentations give images that are not square: turned ones do not fit in a batch",
                where="augment",
                value=list(size),
                hint=f"give the crop equal sides, such as [{recipe.resize.crop}, {recipe.resize.crop}]",
            )
        self._entries = recipe.data.train
        self._sets = sets
        self._mix = SetMix([len(s) for s in self._sets], [s.ratio for s in self._entries], recipe.seed)

    def __len__(self) -> int:
        return len(self._mix)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The sample at `index` of an epoch, augmented and turned by `rng` alone; keys as the class says."""
        sample, image, label = self.augmented(index, epoch, rng)
        turns = range(4) if self._all else range(1)
        images = np.stack([to_input(lying(image, quarters)) for quarters in turns])
        labels = np.asarray([(label + quarters) % 4 for quarters in turns], np.int64)
        return {
            "image": images if self._all else images[0],
            "label": labels if self._all else labels[0, ...],
            "name": f"{sample.where} {sample.image_path.name}",
            "path": str(sample.image_path),
        }

    def augmented(self, index: int, epoch: int, rng: np.random.Generator) -> tuple[PageSample, np.ndarray, int]:
        """The augmented image (crop, crop, 3) uint8 BGR and its class, for display."""
        which, number = self._mix.pick(index, epoch)
        sample = self._sets[which][number]
        scene = self._chain(Scene.of(read_image(sample.image_path), []), rng)
        image = resize(scene.image, self._resize) if self._chain.size is None else scene.image
        # Turned last, where the image is small: a crop of a turned page is the turned crop of the page.
        quarters = int(rng.integers(4)) if self._entries[which].upright else 0
        quarters += sum(int(rng.integers(4)) for p in self._turns if rng.random() < p)
        return sample, lying(image, quarters % 4), (sample.label + quarters) % 4


class EvalSource(SampleSource):
    """Pages as the pipeline feeds them; an upright page four times, lying at each angle.

    Each sample: "image" (3, crop, crop) float32; "label" () int64; "name", "path", "turned" (class of the turn that was
    made here, 0 for labelled images).

    Args:
        sets: validation sets with their samples; a ratio below 1 takes that share, evenly spread and always the same.
        resize: sizes of pre-processing.
    """

    def __init__(self, sets: Sequence[tuple[OriSetSettings, Sequence[PageSample]]], resize: OriResizeSettings) -> None:
        self._resize = resize
        self._samples: list[tuple[PageSample, int]] = []
        for number, (entry, samples) in enumerate(sets):
            chosen = validation_share(samples, entry.ratio, number)
            turns = range(len(ANGLES)) if entry.upright else (0,)
            self._samples += [(sample, label) for sample in chosen for label in turns]

    def __len__(self) -> int:
        return len(self._samples)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The page at `index`, the same in every epoch. ImageError where its file cannot be read."""
        sample, turned = self._samples[index]
        said = f" turned {ANGLES[turned]}°" if turned else ""
        return {
            "image": preprocess(lying(read_image(sample.image_path), turned), self._resize),
            "label": np.asarray((sample.label + turned) % 4, np.int64),
            "turned": turned,
            "name": f"{sample.where} {sample.image_path.name}{said}",
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
