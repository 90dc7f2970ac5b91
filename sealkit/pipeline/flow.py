"""The flow of a pipeline: its stages in order, with the settings of calls and networks.

`reading: sealkit` is the flow of this file, `reading: reference` that of `sealkit.pipeline.reference.flow`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.errors import ConfigError, SealkitError
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.pipeline.call import CallSettings
from sealkit.pipeline.context import Context, Stage
from sealkit.pipeline.page import Page
from sealkit.pipeline.result import RefusedCall, SealRecognitionResult
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.stages import assemble, detect, find_seals, layout, more_views, preprocess, read, stamp_lines

log = logging.getLogger(__name__)

IMAGE_TROUBLE = (SealkitError, cv2.error, MemoryError, ArithmeticError, ValueError, IndexError)
"""What one odd image may raise; it is reported in that image's place and must not end a folder."""


class Flow:
    """sealkit's own reading."""

    stages: tuple[Stage, ...] = (
        Stage(preprocess.run),
        Stage(layout.run, layout.run_group),
        Stage(find_seals.run),
        Stage(detect.run),
        Stage(read.run),
        Stage(more_views.run),
        Stage(stamp_lines.run),
        Stage(assemble.run),
    )
    detector_options: dict[str, Any] = {}  # noqa: RUF012  # read only; a Mapping default would need a factory
    layout_options: dict[str, Any] = {"rules": "sealkit"}  # noqa: RUF012
    mixed_widths = False
    """A batch of strips is padded to its widest."""

    def width_step(self, settings: SealRecognitionSettings) -> int:
        """Widths of recognition batches are multiples of this."""
        return settings.reading_settings.width_step

    def turn(self, image: np.ndarray, angle: int) -> np.ndarray:
        """A page (H, W, 3) turned counter-clockwise by quarter turns."""
        return turn(image, angle)

    def adapt(self, call: CallSettings) -> CallSettings:
        """The settings of a call as this flow understands them."""
        return call

    def refuse(self, error: ConfigError) -> RefusedCall:
        """A call that asks for stages which are not there.

        Raises:
            ConfigError: the error.
        """
        raise error

    def failure(self, page: Page, context: Context) -> SealRecognitionResult:
        """The result of an image that could not be read."""
        return assemble.failure(page, context)


def run_stages(flow: Flow, pages: Sequence[Page], context: Context) -> Iterator[SealRecognitionResult]:
    """The results of a group of pages, which go together up to the last stage that takes several, then one by one."""
    shared = max((n for n, stage in enumerate(flow.stages, 1) if stage.run_group is not None), default=0)
    for stage in flow.stages[:shared]:
        if stage.run_group is not None:
            stage.run_group([page for page in pages if page.error is None], context)
        else:
            for page in pages:
                _run_guarded(stage, page, context)
    for page in pages:
        for stage in flow.stages[shared:]:
            _run_guarded(stage, page, context)
        yield flow.failure(page, context) if page.error is not None or page.result is None else page.result


def _run_guarded(stage: Stage, page: Page, context: Context) -> None:
    """Run a stage on a page that has no error; what goes wrong is noted on the page."""
    if page.error is not None:
        return
    try:
        stage.run(page, context)
    except IMAGE_TROUBLE as error:
        if not isinstance(error, SealkitError):
            log.exception("%s: unexpected error", page.record.input_path or "image")
            error = SealkitError(
                f"this image could not be processed: {type(error).__name__}: {error}",
                where=page.record.input_path,
                hint="if the image is valid, report this with the traceback in the log",
            )
        page.error = error
