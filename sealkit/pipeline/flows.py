"""Chooses the flow by the config key `reading`, in this one place."""

from __future__ import annotations

from sealkit.pipeline.flow import Flow
from sealkit.pipeline.settings import SealRecognitionSettings


def flow_of(settings: SealRecognitionSettings) -> Flow:
    """The flow a config names."""
    if settings.reading == "reference":
        from sealkit.pipeline.reference.flow import ReferenceFlow  # seldom needed

        return ReferenceFlow()
    return Flow()
