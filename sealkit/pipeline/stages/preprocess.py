"""Stage preprocess: turns the page upright and flattens it."""

from __future__ import annotations

from sealkit.pipeline.context import Context
from sealkit.pipeline.page import Page


def run(page: Page, context: Context) -> None:
    """Set `page.preprocessed` where the document preprocessor is on."""
    call = context.call
    if not call.preprocess or context.preprocessor is None or page.record.image is None:
        return
    page.log.start()
    fields = context.preprocessor.process(page.record.image, call.orientation, call.unwarping)
    page.preprocessed = fields
    page.log.add("doc_preprocessor", angle=fields["angle"], unwarped=call.unwarping or None)
