"""Settings of the module text_recognition."""

from __future__ import annotations

from pydantic import Field

from sealkit.config.base import Settings


class RecResizeSettings(Settings):
    image_shape: tuple[int, int, int] = (3, 48, 320)
    """Channels, height and least width of the network's input; height is fixed, wider strips get wider inputs."""
    max_width: int = Field(3200, gt=0)
    """Strips that would be wider are squeezed to this width."""
    width_step: int = Field(1, gt=0)
    """Batch widths are rounded up to a multiple of this; more than 1 gives engines fewer shapes to prepare for."""


class RecMetricSettings(Settings):
    ignore_space: bool = False
    """Drop spaces on both sides before comparing. The published figures of most models do; users want them right."""
    ascii_only: bool = False
    """Keep only ASCII letters and digits, in lower case."""
