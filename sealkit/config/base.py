"""What all settings classes share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Unknown keys are refused; values are checked on creation and never changed afterwards."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        defer_build=True,  # of the settings of all modules a run needs few: a tenth of a second of every start
    )
