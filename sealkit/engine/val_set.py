"""Names the validation sets behind a score, and warns where they are small."""

from __future__ import annotations

from pathlib import Path

from sealkit.config.training import RecipeBase

FEW_IMAGES = 20
"""A score on fewer validation images says little; summaries and reports say so."""


def set_paths(settings: RecipeBase, part: str = "val") -> list[str]:
    """Paths of the label files of a recipe's sets, of its folder where a set has none; [] where it names no data."""
    sets = (settings.model_dump().get("data") or {}).get(part) or ()
    return [str(Path(one["root"]) / (one.get("labels") or "")) if one["root"] else "drawn on the fly" for one in sets]


def described(settings: RecipeBase, count: int) -> str:
    """`evaluated on 9 images of my_seals/val.txt`."""
    paths = set_paths(settings)
    return f"evaluated on {count} image{'s' * (count != 1)}" + (f" of {', '.join(paths)}" if paths else "")


def few_images(count: int) -> str | None:
    """A warning where a validation set is too small for its score to be trusted."""
    if count >= FEW_IMAGES:
        return None
    images = f"{count} validation image{'s' * (count != 1)}"
    return f"{images}: too few to trust the score; use at least {FEW_IMAGES}, better 100"
