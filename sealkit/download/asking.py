"""Whether downloads are asked for, and how to ask for them; no client is imported for that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

VARIABLE = "SEALKIT_DOWNLOAD"
Kind = Literal["inference", "training"]


def wanted(flag: bool | None = None) -> bool:
    """Whether missing models are downloaded on the way: as a flag says, else as $SEALKIT_DOWNLOAD does."""
    if flag is not None:
        return flag
    return os.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def command(models: Sequence[str], kind: Kind = "inference") -> str:
    """The command that downloads models, for messages."""
    return f"sealkit download {' '.join(models)}{' --training' if kind == 'training' else ''}"
