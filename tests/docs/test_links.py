"""Links and file names in documents lead somewhere; strict MkDocs checks the links between pages of the site."""

import re
from pathlib import Path

import pytest

from tests.cli.written import DOCUMENTS

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {
    "docs/reference/models.md", "docs/reference/predict.md", "docs/reference/recipes.md", "docs/reference/formats.md",
    "docs/reference/checks.md", "docs/project/contributing.md", "docs/notebook.md",
}  # fmt: skip
"""Pages that docs/generate.py makes."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(
    r"`((?:sealkit|docs|tools|tests|recipes|configs|datasets|benchmarks|docker|\.ci|\.github)/[\w./-]*)`"
)
_MADE = {"datasets/generated", "docs/project/architecture"}


def prose(path):
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(path):
    """Ids that MkDocs and GitHub give to the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", plain).strip()))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(path):
    for target in _LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        if str(other.relative_to(ROOT)) in GENERATED:
            continue
        assert other.exists(), f"{path.name}: {target}"
        if anchor:
            assert anchor in anchors(other), f"{path.name}: {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path):
    for name in _FILE.findall(prose(path)):
        if "<" in name or name.strip("/") in _MADE:
            continue
        places = [ROOT / name, ROOT / "sealkit" / name]
        assert any(place.exists() for place in places), f"{path.name}: {name}"


def test_headings_of_every_kind_have_anchors(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b` (c): d?\n```\n# no\n```\n## 二、安装\n### [Link](x.md) here\n", encoding="utf-8")
    assert anchors(page) == {"a-b-c-d", "二安装", "link-here"}
