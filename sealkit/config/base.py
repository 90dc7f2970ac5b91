"""What all settings classes share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Unknown keys are refused; values are checked on creation and never changed afterwards.

    The docstring below a key is its meaning (`schema.meanings`). Not by `use_attribute_docstrings`, for which every
    import would read its source: 0.2 s of every start.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        defer_build=True,  # of the settings of all modules a run needs few: a tenth of a second of every start
    )
