"""Samples of the recogniser: augmented strips with labels for training, strips as the pipeline reads them for
evaluation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sealkit.data.batches import DRAW, drawn, group_by_size
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.mix import SetMix, validation_share
from sealkit.data.records import RecSample
from sealkit.data.transforms.strips import StripChain
from sealkit.data.usable import set_facts, usable
from sealkit.drawing.fonts import find_faces
from sealkit.engine.task import SampleSource
from sealkit.errors import DataError
from sealkit.images import inspect_image, read_image
from sealkit.modules.text_recognition import preprocess
from sealkit.modules.text_recognition.labels import LineLabels
from sealkit.modules.text_recognition.models import MODULE
from sealkit.modules.text_recognition.postprocess import reverse_runs
from sealkit.modules.text_recognition.settings import (
    RecInputSettings,
    RecResizeSettings,
    RecSetSettings,
    RecTrainSetSettings,
    TextRecognitionRecipe,
)
from sealkit.synth.seals.settings import StripSettings
from sealkit.synth.strips.draw import RATIOS, SHARES, DrawnStrip, StripArtist

STRIDE = 8  # input pixels of one time step
HEIGHT = 48  # of the pipeline's inputs
WIDTH_STEP = 32  # widths of batches by ratio are multiples of this
_SHOWN = 3


def load_set(settings: RecSetSettings, max_broken_share: float = 0.01) -> list[RecSample]:
    """Samples of one set; none of one that is drawn. Bad lines are logged, and refused where they are more than the
    share.

    Raises:
        DataError: the label file is missing, has no usable line, or too many bad ones.
    """
    if isinstance(settings, RecTrainSetSettings) and settings.synth is not None:
        return []
    read = read_rec_labels(settings.root, settings.labels)
    return usable(read, settings.root, settings.labels, MODULE, max_broken_share)


def set_info(settings: RecSetSettings, samples: Sequence[RecSample]) -> dict[str, Any]:
    """What a run notes about a set; see `set_facts`."""
    characters = {character for sample in samples for character in sample.text}
    return {**set_facts(settings.root, settings.labels, samples), "different_characters": len(characters)}


@dataclass(frozen=True)
class Limits:
    """What a network can be trained on.

    Attributes:
        labels: encodes texts.
        fixed_steps: time steps of any input in training; None: width / 8.
        unknown: as `RecLabelSettings.unknown`.
        reverse: labels are turned around by runs before they are encoded (right-to-left scripts).
    """

    labels: LineLabels
    fixed_steps: int | None = None
    unknown: Literal["fail", "line", "character"] = "fail"
    reverse: bool = False

    def as_seen(self, text: str) -> str:
        """The characters in the order of the image, left to right."""
        return reverse_runs(text) if self.reverse else text

    def fault(self, text: str, width: float) -> str | None:
        """Why a text (as seen) in an input of this width cannot be trained on, in words that group alike cases; None:
        it can."""
        charset = self.labels.charset
        if self.unknown != "character" and charset.unknown(text):
            return "characters without a class"
        numbers = charset.encode_known(text)
        if not numbers:
            return "no character that has a class"
        if len(text) > self.labels.max_length or len(numbers) > self.labels.longest:
            return f"longer than {self.labels.longest} characters (labels.max_text_length)"
        steps = self.fixed_steps or int(width) // STRIDE
        if self.labels.kind.fewest_steps(numbers) > steps:
            return "more characters than the network has time steps for"
        return None


class DrawnSet:
    """Strips drawn on the fly: the strip at a place depends on (seed, epoch, place) and the installed fonts.

    Args:
        settings: what is drawn.
        seed: of the run and set.
        limits: texts with characters that have no class are not drawn, whatever `labels.unknown` says.
    """

    def __init__(self, settings: StripSettings, seed: int, limits: Limits) -> None:
        self.size, self._settings, self._seed = settings.strips, settings, seed
        self._known = limits.labels.charset.index
        self._artist = StripArtist(settings, seed)

    def draw(self, number: int, epoch: int, rng: np.random.Generator, fits: Callable[[str], bool]) -> DrawnStrip:
        """The strip at place `number` of an epoch; `rng` is the sample's own."""
        known = self._known
        return self._artist.draw(
            rng, self._length(number, epoch), lambda text: set(text) <= known.keys() and fits(text)
        )

    def ratio(self, number: int, epoch: int) -> float:
        """About the width/height of the strip at a place, known before it is drawn."""
        return (0.5, *RATIOS)[self._length(number, epoch)]

    def _length(self, number: int, epoch: int) -> int:
        draw = np.random.default_rng([self._seed, epoch, number]).random()
        return int(np.searchsorted(np.cumsum(SHARES)[:-1], draw, side="right"))

    def info(self) -> dict[str, Any]:
        """What a run notes: settings and faces; the same on resume."""
        faces = sorted({f"{face.name} ({face.path.name})" for face in find_faces(self._settings.fonts)})
        return {"synth": self._settings.model_dump(mode="json"), "seed": self._seed, "faces": faces}


@dataclass
class SetUse:
    """One training set: what of it is used.

    Attributes:
        settings: as in the recipe.
        lines: sound lines of the label file.
        samples: those that can be trained on.
        ratios: their width/height.
        left_out: reason -> places.
        drawn: draws the strips where the set is no file; then there are no lines.
    """

    settings: RecTrainSetSettings
    lines: list[RecSample]
    samples: list[RecSample] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    drawn: DrawnSet | None = None

    @property
    def size(self) -> int:
        """Samples per epoch at a ratio of 1."""
        return self.drawn.size if self.drawn is not None else len(self.samples)

    @property
    def name(self) -> str:
        """What messages call the set: its label file, or that it is drawn."""
        return "strips drawn on the fly" if self.drawn is not None else f"{self.settings.root}/{self.settings.labels}"

    def sentences(self) -> list[str]:
        """What was left out, one sentence per reason."""
        name = self.name
        total = len(self.lines)
        return [
            f"{name}: {len(places)} of {total} lines are not trained on: {reason} "
            f"({', '.join(places[:_SHOWN])}{', …' if len(places) > _SHOWN else ''})"
            for reason, places in self.left_out.items()
        ]


def select(
    lines: Sequence[RecSample],
    settings: RecTrainSetSettings,
    limits: Limits,
    shape: RecInputSettings,
    seed: int = 0,
) -> SetUse:
    """Which lines of a set can be trained on.

    Args:
        seed: of strips drawn on the fly.

    Raises:
        DataError: not one.
    """
    if settings.synth is not None:
        return SetUse(settings, [], drawn=DrawnSet(settings.synth, seed, limits))
    use = SetUse(settings, list(lines))
    narrowest = min(width * HEIGHT / height for width, height in shape.scales) if shape.by_ratio else 0.0
    fixed = min(width for width, _ in shape.scales)
    for sample in lines:
        ratio = _ratio(sample.image_path) if shape.by_ratio else 1.0
        width = min(max(narrowest, HEIGHT * ratio), shape.max_width) if shape.by_ratio else fixed
        reason = limits.fault(limits.as_seen(sample.text), width)
        if reason is None:
            use.samples.append(sample)
            use.ratios.append(ratio)
        else:
            use.left_out.setdefault(reason, []).append(sample.where)
    if not use.samples:
        raise DataError(
            "no line of the set can be trained on\n" + "\n".join(use.sentences()),
            where=f"{settings.root}/{settings.labels}",
            hint="the charset (dictionary, charset) or labels.max_text_length does not fit these labels",
        )
    return use


def _ratio(path: Path) -> float:
    """Width/height by the file's header; that of a short line where it cannot be read (the loader will say why)."""
    try:
        width, height = inspect_image(path).size
    except DataError:
        return 1.0
    return width / height


class TrainSource(SampleSource):
    """Augmented strips with labels.

    Each sample: "strip" (H, W, 3) uint8 BGR; "label_ctc" (L,) int64, "length", and for an auxiliary head "label_nrtr"
    or "label_sar" (L,); "text" (after joining), "name", "path", and the draw that `Collate` chooses the batch's size
    by.

    Raises:
        ConfigError, DataError: unusable sets; `get` raises ImageError for an unreadable image.
    """

    def __init__(self, recipe: TextRecognitionRecipe, limits: Limits, sets: Sequence[Sequence[RecSample]]) -> None:
        self._limits, self._shape = limits, recipe.input
        self._chain = StripChain(recipe.augment)
        self.uses = [
            select(lines, entry, limits, recipe.input, recipe.seed + number)
            for number, (lines, entry) in enumerate(zip(sets, recipe.data.train))
        ]
        sizes = [use.size for use in self.uses]
        self.mix = SetMix(sizes, [entry.ratio for entry in recipe.data.train], recipe.seed)
        narrowest = min(width for width, _ in recipe.input.scales)
        self._widest = max(recipe.input.max_width if recipe.input.by_ratio else narrowest, narrowest)

    def __len__(self) -> int:
        return len(self.mix)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The strip at `index` of an epoch with its labels, augmented or drawn by `rng`; keys as the class says."""
        which, number = self.mix.pick(index, epoch)
        use = self.uses[which]
        if use.drawn is not None:
            where, path = f"drawn strip {number} of epoch {epoch}", ""
        else:
            sample = use.samples[number]
            where, path = f"{sample.where} {sample.image_path.name}", str(sample.image_path)
        strip, text = self.strip(index, epoch, rng)
        made = self._limits.labels.encode(text)
        if isinstance(made, str):  # select() has let it pass
            raise DataError(made, where=where, value=text)
        return {
            "strip": strip,
            **made,
            "text": text,  # as seen
            DRAW: float(rng.random()),
            "name": where,
            "path": path,
        }

    def arrange(self, order: np.ndarray, epoch: int, batch_size: int, rng: np.random.Generator) -> np.ndarray:
        """The epoch's order with strips of similar width/height side by side, where the recipe asks for it."""
        if not self._shape.by_ratio:
            return order
        picked = [self.mix.pick(int(index), epoch) for index in order]
        ratios = np.array([self._ratio(which, number, epoch) for which, number in picked])
        return group_by_size(order, ratios, batch_size, rng)

    def _ratio(self, which: int, number: int, epoch: int) -> float:
        use = self.uses[which]
        return use.ratios[number] if use.drawn is None else use.drawn.ratio(number, epoch)

    def strip(self, index: int, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, str]:
        """The augmented strip and its text as seen, before labels, for display."""
        which, number = self.mix.pick(index, epoch)
        use = self.uses[which]
        if use.drawn is not None:
            drawn = use.drawn.draw(number, epoch, rng, self._fits)
            return self._chain(drawn.image, drawn.text, rng, self._draw_other, self._fits)
        sample = use.samples[number]
        text = self._limits.as_seen(sample.text)
        return self._chain(read_image(sample.image_path), text, rng, self._draw_other, self._fits)

    def _fits(self, text: str) -> bool:
        return self._limits.fault(text, self._widest) is None

    def _draw_other(self, rng: np.random.Generator) -> tuple[np.ndarray, str] | None:
        samples = self.uses[int(rng.integers(len(self.uses)))].samples
        if not samples:  # drawn on the fly
            return None
        sample = samples[int(rng.integers(len(samples)))]
        try:
            return read_image(sample.image_path), self._limits.as_seen(sample.text)
        except DataError:  # reported when its own turn comes
            return None


class EvalSource(SampleSource):
    """Strips as the pipeline feeds them, narrow ones first, so that batches need little padding.

    Each sample: "image" (3, 48, W) float32; "gt" text, "shape", "angle", "direction", "name", "path".

    Args:
        sets: validation sets with their samples; a ratio below 1 takes that share, evenly spread and always the same.
        resize: input size of pre-processing.
        rule: `pipeline`: as wide as the strip needs; `official`: all of one size, as published tables were made.
    """

    def __init__(
        self,
        sets: Sequence[tuple[RecSetSettings, Sequence[RecSample]]],
        resize: RecResizeSettings,
        rule: Literal["pipeline", "official"] = "pipeline",
    ) -> None:
        self._resize, self._rule = resize, rule
        samples: list[RecSample] = []
        for number, (entry, lines) in enumerate(sets):
            samples += validation_share(lines, entry.ratio, number)
        self.samples = sorted(samples, key=lambda sample: _ratio(sample.image_path))

    def __len__(self) -> int:
        return len(self.samples)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        """The strip at `index` of the sorted set, the same in every epoch. ImageError where its file cannot be read."""
        sample = self.samples[index]
        strip = read_image(sample.image_path)
        if self._rule == "official":
            image, _ = preprocess.fixed_size(strip, self._resize.image_shape[1:])
        else:
            image = preprocess.preprocess(strip, self._resize)
        return {
            "image": image,
            "gt": sample.text,
            "shape": sample.shape,
            "angle": sample.angle,
            "direction": sample.direction,
            "name": f"{sample.where} {sample.image_path.name}",
            "path": str(sample.image_path),
        }


@dataclass(frozen=True)
class Collate:
    """Stacks samples; of training strips it chooses the batch's size first.

    Training batch: "image" [N, 3, H, W] float32, "valid_ratio" [N] float32 (share of W that is image), labels
    stacked; evaluation batch: "image" padded with zeros to the widest. Everything else becomes a list.
    """

    shape: RecInputSettings
    width_step: int = 1

    def __call__(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The batch by key: NumPy arrays and lists, all strips of one height and width."""
        batch: dict[str, Any] = {}
        for key in samples[0]:
            values = [sample[key] for sample in samples]
            if key == "strip":
                batch |= self._stack(values, samples)
            elif key == "image":
                batch[key] = preprocess.collate(values, self.width_step)
            elif key == "length":
                batch[key] = np.array(values, np.int64)
            elif isinstance(values[0], np.ndarray):
                batch[key] = np.stack(values)
            elif key != DRAW:
                batch[key] = values
        return batch

    def _stack(self, strips: Sequence[np.ndarray], samples: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
        width, height = self.shape.scales[drawn(samples, len(self.shape.scales))]
        if self.shape.by_ratio:
            widest = max(math.ceil(height * strip.shape[1] / strip.shape[0]) for strip in strips)
            most = max(self.shape.max_width * height // HEIGHT, width)
            width = -(-min(max(widest, width), most) // WIDTH_STEP) * WIDTH_STEP
        made = [preprocess.fixed_size(strip, (height, width)) for strip in strips]
        return {
            "image": np.stack([image for image, _ in made]),
            "valid_ratio": np.array([share for _, share in made], np.float32),
        }


def measure_data_rate(source: TrainSource, collate: Collate, batch_size: int, batches: int = 20) -> float:
    """Training strips per second of the data pipeline alone, in this process."""

    def batch(number: int) -> None:
        places = range(number * batch_size, (number + 1) * batch_size)
        rng = np.random.default_rng(number)
        collate([source.get(i % len(source), i // len(source), rng) for i in places])

    batch(0)  # imports and file caches
    started = time.perf_counter()
    for number in range(1, batches + 1):
        batch(number)
    return batches * batch_size / (time.perf_counter() - started)


__all__ = ["Collate", "EvalSource", "Limits", "SetUse", "TrainSource", "load_set", "measure_data_rate", "select"]
