"""The context that the stages of one predict() call share, and the type of a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.call import CallSettings
from sealkit.pipeline.line_detector import LineDetector
from sealkit.pipeline.page import Page
from sealkit.pipeline.settings import RefineSettings, SealRecognitionSettings


class LayoutModel(Protocol):
    """A layout detector as `create_model` makes it."""

    model: Any
    """The inference model: engine, device, threads, close()."""

    def predict(
        self,
        input: Sequence[np.ndarray],
        batch_size: int = 1,
        *,
        threshold: Any = None,
        layout_nms: bool | None = None,
        layout_unclip_ratio: Any = None,
        layout_merge_bboxes_mode: Any = None,
    ) -> Iterator[dict[str, Any]]:
        """One result per image (H, W, 3) uint8 BGR; `boxes` are dicts of cls_id, label, score, coordinate."""
        ...


class PagePreprocessor(Protocol):
    """The document preprocessor: turns a page upright and flattens it."""

    has_orientation: bool
    has_unwarping: bool

    @property
    def models(self) -> dict[str, Any]:
        """Inference models by PaddleX's name of their config section."""
        ...

    def process(self, image: np.ndarray, orientation: bool, unwarping: bool) -> dict[str, Any]:
        """(H, W, 3) uint8 BGR → PaddleX's fields: input_path, page_index, input_img, model_settings, angle, rot_img,
        output_img."""
        ...


@dataclass(frozen=True)
class Context:
    """What every stage may use.

    Attributes:
        settings: the pipeline's.
        call: of this call to predict().
        detector, recogniser: the two networks every pipeline has.
        layout: finds seals on pages; None where the config has no layout stage.
        preprocessor: turns and flattens pages; None where the config has no such stage.
        engines: which engine runs which module, on which device.
        lines: finds lines of print; None where the config has no section `Lines`.
    """

    settings: SealRecognitionSettings
    call: CallSettings
    detector: TextDetector
    recogniser: TextRecogniser
    layout: LayoutModel | None
    preprocessor: PagePreprocessor | None
    engines: dict[str, str]
    lines: LineDetector | None = None

    @property
    def refine(self) -> RefineSettings | None:
        """How each seal is detected in a crop of its own; None: it is not, or the call names the input's size."""
        return None if self.call.own_size else self.settings.Refine

    @property
    def looks_again(self) -> bool:
        """Whether seals that were not read surely are detected again, in more views."""
        refine = self.refine
        return refine is not None and refine.views > 1 and refine.views_below is not None


@dataclass(frozen=True)
class Stage:
    """One step of reading a page.

    Attributes:
        run: of one page; what it finds is set on the page.
        run_group: of the pages of a group together, in place of `run`: for networks that take several images at once.
            Errors of single pages are set on them.
    """

    run: Callable[[Page, Context], None]
    run_group: Callable[[Sequence[Page], Context], None] | None = None
