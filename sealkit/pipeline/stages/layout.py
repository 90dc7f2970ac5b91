"""Stage layout: layout boxes of a page, from the layout model or from the caller."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sealkit.errors import ConfigError, SealkitError
from sealkit.pipeline.context import Context
from sealkit.pipeline.page import Page


def run(page: Page, context: Context) -> None:
    """Set `page.layout`; see `run_group`."""
    run_group([page], context)


def run_group(pages: Sequence[Page], context: Context) -> None:
    """Set the layout of pages that go through the network together; a page the network fails on fails alone.

    Raises:
        ConfigError: an option no image can be read with: the call's fault, not the images'.
    """
    if context.call.layout and context.layout is not None and pages:
        section = context.settings.SubModules.LayoutDetection
        size = (section.batch_size if section else None) or 1
        start = time.perf_counter()
        try:
            found = list(context.layout.predict([p.image for p in pages], size, **context.call.layout_options))
        except ConfigError:
            raise
        except SealkitError as error:
            if len(pages) == 1:
                pages[0].error = error
            else:  # find the one it failed on
                for page in pages:
                    run(page, context)
            return
        seconds = (time.perf_counter() - start) / len(pages)
        for page, boxes in zip(pages, found):
            _set_layout(page, boxes["boxes"], seconds)
    for page in pages:
        if page.given is not None:
            _set_layout(page, page.given.get("boxes", []), 0.0)


def _set_layout(page: Page, boxes: Sequence[Mapping[str, Any]], seconds: float) -> None:
    page.layout = {
        "input_path": None,
        "page_index": None,
        "input_img": page.image,
        "boxes": [dict(box) for box in boxes],
    }
    count = sum(str(box.get("label", "")).lower() == "seal" for box in boxes)
    note = None if count else f"no box with the label seal among {len(boxes)}"
    page.log.add("layout", seconds, boxes=len(boxes), seals=count, note=note)
