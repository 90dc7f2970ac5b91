"""Dataset check of text line orientation, and a corrected copy."""

from __future__ import annotations

from functools import partial

from sealkit.modules.doc_text_orientation.check import OrientationCheck
from sealkit.modules.doc_text_orientation.fix import write_fixed_copy
from sealkit.modules.textline_orientation.orientations import LINES


class TextLineCheck(OrientationCheck):
    """Lines `path label` of text lines, label 0 or 1."""

    module = LINES.module
    about = LINES


write_fixed_lines = partial(write_fixed_copy, about=LINES)
