"""`sealkit train`: trains a model from a recipe or from data."""

from __future__ import annotations

import argparse

from sealkit.cli.options import add_overrides, add_recipe

NAME = "train"
HELP = "Train or fine-tune a model from a recipe."
EXAMPLES = """
  sealkit train --data my_seals                                  # the recipe to start with is taken from the data
  sealkit train --data my_strips --recipe rec_v5_mobile_finetune --output runs/mine
  sealkit train -c seal_det_cpu_small                            # a recipe unchanged, on its own set
  sealkit train -c seal_det_mobile_finetune -o weights.init=my.pdparams -o lr=5e-5 --output runs/second
  sealkit train -c runs/second/recipe.yaml --resume              # continue exactly where it stopped
  sealkit train -c seal_det_server -o batch_size=2 max_steps=2   # does it run here?
  sealkit train --data my_seals --tune --budget 120              # which values suit this data?
  sealkit train -c seal_det_server --device gpu:0,1              # a process for each GPU
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit train`."""
    add_recipe(parser, required=False)
    parser.add_argument("--data", metavar="DIR", help="own data, for training and validation: train.txt and val.txt")
    parser.add_argument("--module", metavar="NAME", help="with --data: recipe to use (default: chosen from the labels)")
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, gpu, gpu:0, …; gpu:0,1: a process for each (default: the recipe's)"
    )
    add_overrides(parser)
    parser.add_argument("--output", metavar="DIR", help="run folder; default: the recipe's `output`, else runs/<name>")
    parser.add_argument("--resume", action="store_true", help="continue the run in that folder, exactly")
    parser.add_argument("--overwrite", action="store_true", help="replace the run in that folder")
    parser.add_argument(
        "--replay",
        metavar="DIR",
        help="run the batch that stopped a run again (DIR as the error printed it)",
    )
    parser.add_argument("--no-export", action="store_true", help="do not export the best checkpoint at the end")
    parser.add_argument(
        "--download",
        action="store_true",
        default=None,
        help="get missing official weights (see sealkit download)",
    )
    tuning = parser.add_argument_group("choosing values (extra `tune`)")
    tuning.add_argument(
        "--tune",
        action="store_true",
        help="try learning rates, lengths and strengths of augmentation, train nothing else",
    )
    tuning.add_argument("--budget", type=float, metavar="MINUTES", help="with --tune: time for all trials (default 60)")
    tuning.add_argument("--trials", type=int, metavar="N", help="with --tune: no more than N")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """0; 130 where Ctrl-C stopped the run after writing a checkpoint."""
    from sealkit import api
    from sealkit.engine.launch import SeveralDevices, run_on_each
    from sealkit.errors import ConfigError
    from sealkit.modules.table import info
    from sealkit.runtime.noise import LOG

    if args.replay:
        if args.recipe is None:
            raise ConfigError("the run's recipe is missing", where="--replay", hint="-c RUN_FOLDER/recipe.yaml")
        print(api.replay(args.recipe, args.replay, args.overrides).summary())
        return 0
    if args.tune:
        return _tune(args)
    for flag in ("budget", "trials"):
        if getattr(args, flag) is not None:
            raise ConfigError("this flag belongs to --tune", where=f"--{flag}", hint="add --tune, or leave it out")
    try:
        result = api.train(
            args.recipe,
            args.overrides,
            data=args.data,
            module=args.module,
            device=args.device,
            output=args.output,
            resume=args.resume,
            overwrite=args.overwrite,
            progress=not args.no_progress,
            export=not args.no_export,
            download=args.download,
        )
    except SeveralDevices as several:
        return run_on_each(several.devices, several.run_dir, args.command_line)
    if result.stopped == "interrupted":
        print(f"stopped; continue with: sealkit train -c {result.run_dir}/recipe.yaml --resume")
        return 130
    print(f"run folder {result.run_dir}, report {result.run_dir / 'report.html'}")
    if (result.run_dir / LOG).is_file():
        print(f"messages of Paddle and its converter: {result.run_dir / LOG}")
    if (result.run_dir / "inference").is_dir():
        settings = api.load(result.run_dir).settings
        flag = info(str(settings.model_dump()["module"])).flag
        call = f'sealkit.create_model("{settings.model}", "{result.run_dir / "inference"}")'
        print(f"use it: sealkit infer IMAGE --{flag} {result.run_dir}" if flag else f"use it in Python: {call}")
    return 0


def _tune(args: argparse.Namespace) -> int:
    from sealkit import api
    from sealkit.errors import ConfigError
    from sealkit.tuning.study import tune

    given = [flag for flag in ("resume", "overwrite", "download") if getattr(args, flag)]
    if given:
        raise ConfigError("this flag has no effect with --tune", where=f"--{given[0]}", hint="leave it out")
    loaded, half = api.to_train(args.recipe, args.overrides, args.data, args.module, {"train.device": args.device})
    if half:
        print(f"warning: {half}")
    folder = args.output or f"{loaded.settings.run_dir}_tuned"
    minutes = 60.0 if args.budget is None else args.budget
    result = tune(loaded.settings, folder=folder, minutes=minutes, trials=args.trials, progress=not args.no_progress)
    print(f"{result.verdict()}\nreport {result.folder / 'report.html'}")
    print(f"train with all data: sealkit train -c {result.folder / 'recipe.yaml'} --output DIR")
    return 0
