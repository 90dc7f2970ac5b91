"""Where recipes and pipeline configs are: a path, or the name of a shipped one, in a checkout or a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sealkit.errors import ConfigError
from sealkit.text import did_you_mean

Kind = Literal["recipes", "configs"]
_SUFFIXES = (".yaml", ".yml")


def shipped_dir(kind: Kind) -> Path:
    """The folder of the shipped files: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def shipped(kind: Kind) -> dict[str, Path]:
    """Name (file name without suffix) → file, sorted by name."""
    folder = shipped_dir(kind)
    files = sorted(p for p in folder.rglob("*") if p.suffix in _SUFFIXES) if folder.is_dir() else []
    return {path.stem: path for path in files}


def find(kind: Kind, name: str | Path) -> Path:
    """The file meant by a path or by a shipped name (`seal_det_mobile`, `recipes/seal_det_mobile.yaml`).

    Raises:
        ConfigError: neither a file nor a shipped name; names the nearest ones.
    """
    path = Path(name)
    if path.is_file():
        return path
    what = "recipe" if kind == "recipes" else "pipeline config"
    known = shipped(kind)
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix in _SUFFIXES)
        hint = "give one of its files: " + ", ".join(inside[:5]) if inside else "give a YAML file"
        raise ConfigError(f"a folder, not a {what}", where=str(path), hint=hint)
    # "recipes/x.yaml" from another folder, or from an installed wheel, means the shipped x
    plain = path.suffix in _SUFFIXES or path.suffix == ""
    if plain and path.parent in (Path("."), Path(kind)) and path.stem in known:
        return _short(known[path.stem])
    listed = "shipped: " + (", ".join(known) or f"none in {shipped_dir(kind)}")
    hint = did_you_mean(path.stem, known, otherwise=listed, limit=3, cutoff=55)
    raise ConfigError(f"no such {what}", value=str(name), hint=hint)


def _short(path: Path) -> Path:
    """Relative to the current directory where it lies below it: shorter in messages and in `sealkit show`."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def run_recipe(path: Path) -> Path:
    """The recipe.yaml of the run folder that contains a checkpoint or exported folder.

    Raises:
        ConfigError: the path is in no run folder.
    """
    folder = run_folder(path)
    if folder is None and not path.exists():
        raise ConfigError("there is no such checkpoint or folder", where=str(path), hint="check the path")
    if folder is None:
        raise ConfigError("not inside a run folder", where=str(path), hint="name the recipe: -c RECIPE")
    return folder / "recipe.yaml"


def run_folder(path: Path) -> Path | None:
    """The run folder that is or contains a path, None where there is none."""
    return next((folder for folder in (path, *list(path.parents)[:3]) if (folder / "recipe.yaml").is_file()), None)
