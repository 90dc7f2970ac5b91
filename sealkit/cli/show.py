"""`sealkit show`: prints a resolved recipe or pipeline config."""

from __future__ import annotations

import argparse
from pathlib import Path

from sealkit.cli.options import add_overrides

NAME = "show"
HELP = "Print a recipe or pipeline config in full, with where each value came from."
EXAMPLES = """
  sealkit show seal_det_mobile
  sealkit show recipes/seal_det_mobile.yaml --explain
  sealkit show seal_det_mobile -o batch_size=4 -o 'augment.1.degrees=[-180, 180]'
  sealkit show embedded
  sealkit show seal_det_mobile --plain > my_recipe.yaml       # a copy to edit
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit show`."""
    parser.add_argument("recipe", metavar="RECIPE", help="YAML file, or name of a shipped recipe or pipeline config")
    parser.add_argument("--explain", action="store_true", help="add meaning and allowed values above each key")
    parser.add_argument("--plain", action="store_true", help="omit the origin of each value")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit show`; returns the exit code."""
    from sealkit.config.dump import to_yaml
    from sealkit.config.load import Loaded, load_settings
    from sealkit.modules.recipe import load_recipe
    from sealkit.pipeline.settings import SealRecognitionSettings
    from sealkit.zoo import models_by_module

    loaded: Loaded
    if _is_pipeline(args.recipe):
        loaded = load_settings("configs", args.recipe, SealRecognitionSettings, args.overrides, literals=True)
    else:
        loaded = load_recipe(args.recipe, args.overrides, models_by_module())
    if not args.plain:
        print(f"# {loaded.source}")
    print(to_yaml(loaded, origins=not args.plain, explain=args.explain), end="")
    return 0


def _is_pipeline(name: str) -> bool:
    """A pipeline config has the key `pipeline_name`; a bare name may be that of a shipped one."""
    from sealkit.config.find import find, shipped
    from sealkit.config.yamlfile import read_yaml
    from sealkit.errors import ConfigError
    from sealkit.text import did_you_mean

    if name not in shipped("recipes") and name in shipped("configs"):
        return True
    if Path(name).name == name and not Path(name).exists() and Path(name).stem not in shipped("recipes"):
        known = [*shipped("recipes"), *shipped("configs")]
        listed = "`sealkit models` lists recipes, `sealkit config list` pipeline configs"
        hint = did_you_mean(Path(name).stem, known, also=listed, limit=3, cutoff=55)
        raise ConfigError("no such recipe or pipeline config", value=name, hint=hint)
    return "pipeline_name" in read_yaml(find("configs" if "configs" in name else "recipes", name)).tree
