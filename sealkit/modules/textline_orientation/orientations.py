"""The two classes of text lines."""

from __future__ import annotations

from sealkit.data.labels.orientation import LINE_ANGLES
from sealkit.modules.doc_text_orientation.orientations import Orientations
from sealkit.modules.textline_orientation.models import LABELS, MODULE
from sealkit.modules.textline_orientation.preprocess import resize

LINES = Orientations(MODULE, LINE_ANGLES, LABELS, "text line", "rot180", resize)
