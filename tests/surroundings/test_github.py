"""Workflow, issue forms and citation say what the repository has."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from sealkit.version import __version__
from tests.cli.test_written_commands import PROJECT

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOW = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
RUNS = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def test_the_workflow_can_write_nothing_and_ends() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 and job["runs-on"] != "ubuntu-latest" for job in JOBS.values())
    used = {step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step}
    assert used and all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in used)


def test_it_runs_on_every_python_that_the_package_names() -> None:
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert JOBS["tests"]["strategy"]["matrix"]["python"] == named and len(named) >= 3


def test_its_commands_are_those_of_the_repository() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    made = {word for run in RUNS for word in re.findall(r"\bmake ([a-z-]+)", run)}
    assert made <= targets and {"lint", "docs", "test", "test-browser"} <= made
    assert ".ci/run" in RUNS and (ROOT / ".ci" / "run").stat().st_mode & 0o111
    extras = {one for run in RUNS for one in re.findall(r"\.\[(\w+)\]", run)}
    assert extras <= set(PROJECT["optional-dependencies"])
    files = {word for run in RUNS for word in re.findall(r"@(sealkit/\S+)", run)}
    assert files and all((ROOT / name).is_file() for name in files)


def test_the_image_is_built_measured_and_asked() -> None:
    runs = [step["run"] for step in JOBS["image"]["steps"] if "run" in step]
    assert all(shlex.split(run) for run in runs)
    assert runs[0].startswith("docker build") and any("-lt 1200000000" in run for run in runs)
    assert any("/seal-recognition" in run for run in runs)


@pytest.mark.parametrize("path", sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem)
def test_an_issue_form_is_one_that_github_shows(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    asked = [one for one in form["body"] if one["type"] != "markdown"]
    assert len({one["id"] for one in asked}) == len(asked) > 0
    for one in form["body"]:
        assert one["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert ("value" if one["type"] == "markdown" else "label") in one["attributes"]
        if one["type"] in ("dropdown", "checkboxes"):
            assert one["attributes"]["options"]
    assert any(one.get("validations", {}).get("required") for one in asked)


def test_forms_are_there_for_the_three_kinds() -> None:
    names = {path.stem for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml")}
    assert names == {"bug", "data_question", "feature", "config"}
    assert (GITHUB / "PULL_REQUEST_TEMPLATE.md").stat().st_size > 100


def test_the_citation_is_valid_and_of_this_version() -> None:
    """What the schema of the Citation File Format 1.2.0 asks for, and the values it has lists of."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    known = {"cff-version", "message", "title", "type", "version", "license", "authors", "abstract", "keywords"}
    assert set(cited) == known  # each one a key of the schema
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert str(cited["version"]) == __version__ and cited["license"] == PROJECT["license"]
    assert all(set(one) <= {"name", "website", "email"} and one["name"] for one in cited["authors"])
    assert len(set(cited["keywords"])) == len(cited["keywords"])
