"""`sealkit eval --table`: the models of the tutorials' tables, measured here and laid beside the published numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sealkit import zoo
from sealkit.bench.machine import machine
from sealkit.bench.tables.measure import Job, Measured, measure, sets_for, with_weights_here
from sealkit.bench.tables.network_time import Plan
from sealkit.bench.tables.output import Tables, as_json, as_markdown, write_all
from sealkit.bench.tables.rows import chosen, sections
from sealkit.errors import ConfigError
from sealkit.runtime.devices import CPU, default_threads, parse_device
from sealkit.runtime.model import installed

TUTORIAL_THREADS = 8


def named_models(given: Iterable[str]) -> dict[str, Path]:
    """Model → path, of `NAME=PATH`.

    Raises:
        ConfigError: another form, an unknown model, one named twice, no such path.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, equals, place = text.partition("=")
        if not equals or not place:
            hint = "--models PP-OCRv4_mobile_rec=runs/rec, or an exported folder"
            raise ConfigError("this is not NAME=RUN_OR_FOLDER", where="--models", value=text, hint=hint)
        zoo.get(name)
        if name in found:
            raise ConfigError("this model is named twice", where="--models", value=name, hint="name one path")
        found[name] = Path(place).expanduser()
        if not found[name].exists():
            raise ConfigError("no such run or folder", where=f"--models {name}", value=place, hint="check the path")
    return found


def run_tables(
    table: str,
    *,
    data: Sequence[str] = (),
    models: Sequence[str] = (),
    only: Sequence[str] = (),
    preprocess: str | None = None,
    device: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    runs: int | None = None,
    output: str | Path | None = None,
    json_out: bool = False,
    progress: Callable[[str], None] | None = None,
) -> str:
    """Measure and return what is printed; see `sealkit eval --help` for the arguments.

    Raises:
        ConfigError, DataError: arguments or sets that cannot be used.
    """
    given = named_models(models)
    found = sections(table, with_weights_here(given))
    if only:
        known = {name for section in found for name in section.models}
        unknown = [name for name in only if name not in known]
        if unknown:
            _refuse(unknown, known, table)
        found = chosen(found, only)
    sets, toy = sets_for(data)
    plan = Plan() if runs is None else Plan(runs=runs, least=min(runs, Plan.least))
    job = Job(
        given, sets, toy, preprocess, parse_device(device) if device else CPU,
        threads or min(TUTORIAL_THREADS, default_threads()), engine, plan,
    )  # fmt: skip
    tables = Tables(found, {}, job, machine())
    tables = _measured(tables, output, progress or _silent)
    return as_json(tables) if json_out else as_markdown(tables)


def _measured(tables: Tables, output: str | Path | None, say: Callable[[str], None]) -> Tables:
    """The tables with every model measured; the files are written whatever ends it."""
    from sealkit.engine.threads import set_threads
    from sealkit.runtime.noise import framework_noise
    from sealkit.runtime.signals import import_paddle

    set_threads(tables.job.threads)
    if installed("paddle"):
        import_paddle()  # else its own handler of SIGTERM ends the process before anything is written
    names = list(dict.fromkeys(name for section in tables.sections for name in section.models))
    done: dict[str, Measured] = {}
    result = Tables(tables.sections, done, tables.job, tables.machine)
    try:
        for number, name in enumerate(names, 1):
            say(f"[{number}/{len(names)}] {name}")
            with framework_noise():
                done[name] = measure(name, tables.job)
            say(f"[{number}/{len(names)}] {name}: {_said(done[name])}")
    finally:
        if output is not None and done:
            for path in write_all(result, Path(output)):
                say(f"wrote {path}")
    return result


def _said(row: Measured) -> str:
    times = ", ".join(f"{engine} {timing.ms:.1f} ms" for engine, timing in row.times.items())
    metric = f"{row.metric:.2f} %" if row.metric is not None else row.no_metric
    return "; ".join([metric, times or "not timed", *row.notes])


def _refuse(unknown: Sequence[str], known: Iterable[str], table: str) -> None:
    from sealkit.text import did_you_mean

    hint = did_you_mean(unknown[0], list(known), otherwise="`sealkit models` lists all", limit=3)
    raise ConfigError("no such row in this table", where=f"--table {table} --only", value=list(unknown), hint=hint)


def _silent(text: str) -> None:
    """No progress is wanted."""


def to_stderr(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


__all__: Sequence[str] = ("named_models", "run_tables", "to_stderr")
