"""A trained text line classifier as a graph."""

from __future__ import annotations

from sealkit.modules.doc_text_orientation.export import OrientationExport


class TextLineExport(OrientationExport):
    """Probabilities (N, 2)."""
