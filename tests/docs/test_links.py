"""Links and file names in documents lead somewhere; strict MkDocs checks the links between pages of the site."""

import json
import re
from pathlib import Path

import pytest

from sealkit.zoo import models_by_module
from tests.cli.written import DOCUMENTS

ROOT = Path(__file__).resolve().parents[2]
COPIED = {
    "docs/reference/formats.md": "datasets/FORMATS.md",
    "docs/reference/checks.md": "datasets/CHECKS.md",
    "docs/project/contributing.md": "CONTRIBUTING.md",
}
GENERATED = {"docs/reference/models.md", "docs/reference/predict.md", "docs/reference/recipes.md", "docs/notebook.md"}
"""Pages that docs/generate.py makes: of other files, and of the package, with a heading for each module."""
_LINK = re.compile(r"""\]\(([^)\s]+)(?: +"[^"]*")?\)|<(?:a|img|source)[^>]* (?:href|src)="([^"]+)\"""")
_FILE = re.compile(
    r"`((?:sealkit|docs|tools|tests|recipes|configs|datasets|benchmarks|docker|\.ci|\.github)/[\w./-]*)`"
)
_MADE = {"datasets/generated", "docs/project/architecture"}


def prose(path: Path) -> str:
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def links(text: str) -> list[str]:
    """Targets of the links and images of a Markdown text, code left out."""
    return [one or other for one, other in _LINK.findall(re.sub("`[^`]*`", "", text))]


def broken(target: str, page: Path) -> str | None:
    """Why a link of a page leads nowhere; None where it leads somewhere, or to another host."""
    if re.match(r"[a-z]+:", target):
        return None if target.startswith(("https://", "mailto:")) else "neither a file nor https"
    name, _, anchor = target.partition("#")
    other = (page.parent / name).resolve() if name else page
    if not other.is_relative_to(ROOT):
        return "outside the repository"
    inside = str(other.relative_to(ROOT))
    if inside in GENERATED:
        return None if not anchor or anchor in models_by_module() else "no such heading"
    other = ROOT / COPIED.get(inside, inside)
    if not other.exists():
        return "no such file"
    return None if not anchor or anchor in anchors(other) else "no such heading"


def anchors(path: Path) -> set[str]:
    """Ids that MkDocs and GitHub give to the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", plain).strip()))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(path: Path) -> None:
    found = {target: broken(target, path) for target in links(prose(path))}
    assert {target: why for target, why in found.items() if why} == {}


def test_the_notebook_and_the_contents_of_the_site_lead_somewhere() -> None:
    notebook = ROOT / "docs" / "notebook.ipynb"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    listed = re.findall(r"^ +- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert texts and len(listed) >= 15
    for target in [*links("\n".join(texts)), *listed]:
        assert broken(target, notebook) is None, target
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages <= set(listed), "every page is in the contents"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    for name in _FILE.findall(prose(path)):
        if "<" in name or name.strip("/") in _MADE:
            continue
        places = [ROOT / name, ROOT / "sealkit" / name]
        assert any(place.exists() for place in places), f"{path.name}: {name}"


def test_headings_of_every_kind_have_anchors(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b` (c): d?\n```\n# no\n```\n## 二、安装\n### [Link](x.md) here\n", encoding="utf-8")
    assert anchors(page) == {"a-b-c-d", "二安装", "link-here"}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("README.md#quick-start", "no such heading"),
        ("nowhere.md", "no such file"),
        ("../../etc/hosts", "outside the repository"),
        ("http://example.com", "neither a file nor https"),
        ("docs/reference/recipes.md#no_module", "no such heading"),
        ("docs/reference/formats.md#nothing", "no such heading"),
        ("docs/reference/recipes.md#text_recognition", None),
        ("docs/faq.md", None),
        ("https://example.com/#x", None),
    ],
)
def test_a_broken_link_is_named(target: str, why: str | None) -> None:
    assert broken(target, ROOT / "README.md") == why


def test_every_kind_of_link_is_looked_at() -> None:
    text = '[a](b.md) ![c](d.png "title") <img alt="" src="e.svg"> <a href="f.md#g">x</a> `[no](code)`'
    assert links(text) == ["b.md", "d.png", "e.svg", "f.md#g"]
