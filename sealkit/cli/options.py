"""Flags that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from sealkit.config.overrides import SHORT_KEYS
from sealkit.errors import ConfigError

if TYPE_CHECKING:
    from sealkit.workers.pool import Workers

SHORT_HELP = ", ".join(f"{short} = {full}" for short, full in SHORT_KEYS.items())


_PLACES = ("--save-path", "--output", "--out")
"""Flags for what other tools call -o."""


class _Refuse(argparse.Action):
    """`--opt`, the spelling of other toolkits: refused with the one spelling of this one."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> NoReturn:
        written = next((value for value in values if "=" in value), "KEY=VALUE")
        hint = f"settings are given with -o: -o {written}"
        raise ConfigError(f"{option_string} is not a flag here", value=" ".join(values), hint=hint)


class _Collect(argparse.Action):
    """`-o a=1 b=2 -o c=3` → ["a=1", "b=2", "c=3"]."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        flag = next((one for one in _PLACES if one in parser._option_string_actions), None)
        if flag is not None and len(values or ()) == 1 and "=" not in values[0] and ":" not in values[0]:
            hint = f"the output goes to {flag} {values[0]}; inputs go before -o"
            raise ConfigError("is not a setting of the form KEY=VALUE", where=f"-o {values[0]}", hint=hint)
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *(values or [])])


def positive(text: str) -> int:
    """A whole number from 1."""
    number = int(text)  # argparse words what is no number
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text}")
    return number


def port(text: str) -> int:
    """A TCP port, 0 included."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text}")
    return number


def add_workers(parser: argparse.ArgumentParser, default: int = 0, what: str = "processes (0: one per core)") -> None:
    """`--workers N` and `--ray ADDRESS`."""
    text = f"{what}; default: {default}" if default else f"{what}, the default"
    parser.add_argument("--workers", type=int, default=default, metavar="N", help=text)
    parser.add_argument(
        "--ray", metavar="ADDRESS",
        help="work on the machines of a Ray cluster, which share the folders: auto, host:6379, ray://host:10001; "
        "local: one on this machine",
    )  # fmt: skip


def asked_workers(args: argparse.Namespace) -> dict[str, Any]:
    """`workers` and `ray` of `create_pipeline`; one worker without a cluster is this process."""
    if args.workers == 1 and args.ray is None:
        return {}
    workers = workers_of(args)
    return {"workers": workers.count if args.ray is None or workers.count != 1 else None, "ray": workers.ray}


def workers_of(args: argparse.Namespace) -> Workers:
    """What `--workers` and `--ray` say; a cluster has one worker per core unless N is given."""
    from sealkit.workers.pool import Workers

    return Workers.of(Workers(args.workers, args.ray), "--workers")


def add_recipe(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """`-c RECIPE`."""
    parser.add_argument(
        "-c", "--recipe", "--config", dest="recipe", required=required, metavar="RECIPE",
        help="YAML file, or the name of a shipped recipe (`sealkit models` lists them)",
    )  # fmt: skip


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """`-o KEY=VALUE …`."""
    parser.add_argument(
        "-o", "--override", dest="overrides", nargs="+", action=_Collect, default=[], metavar="KEY=VALUE",
        help=f"change a setting; the value is YAML; may be given several times. Short names: {SHORT_HELP}",
    )  # fmt: skip
    parser.add_argument("--opt", "--opts", "--override-options", nargs="*", action=_Refuse, help=argparse.SUPPRESS)
