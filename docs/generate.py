"""Pages made of the package itself when the site is built: models, recipe settings, and pages that live elsewhere.

Run by mkdocs-gen-files. The tables come from the same objects that the commands use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mkdocs_gen_files

from sealkit.config.find import shipped
from sealkit.config.schema import Slot, describe, leaf_keys, meanings, slot_at
from sealkit.modules.published import published_models
from sealkit.modules.recipe import load_recipe
from sealkit.pipeline.options import PredictOptions
from sealkit.zoo import all_models, models_by_module, recipes_by_model

ROOT = Path(__file__).resolve().parents[1]


def write(name: str, text: str) -> None:
    """Add a page to the site."""
    with mkdocs_gen_files.open(name, "w") as page:
        page.write(text)


def copied(source: str, links: dict[str, str]) -> str:
    """A Markdown file of the repository with its links turned to the site's pages."""
    text = (ROOT / source).read_text(encoding="utf-8")
    for old, new in links.items():
        text = text.replace(f"]({old}", f"]({new}")
    return text


def models_page() -> str:
    """Every model: what trains it, and every row that the tutorials publish of it."""
    table, recipes = all_models(), recipes_by_model()
    lines = [
        "# Models",
        "",
        "`sealkit models` lists them, `sealkit models NAME` tells all about one. Published numbers are PaddleX's,",
        "measured on data sets that are not public; none was measured by this project.",
        "What was is in [benchmarks](../benchmarks.md).",
    ]
    for module, names in models_by_module().items():
        lines += ["", f"## {module}", "", "| model | about | inference model, MB | recipes |", "|---|---|---|---|"]
        for name in names:
            spec = table[name]
            size = f"{spec.size_mb:g}" if spec.size_mb else "–"
            trained = ", ".join(f"`{recipe}`" for recipe in recipes.get(name, ())) or "–"
            lines.append(f"| {name} | {spec.about} | {size} | {trained} |")
        lines += published_rows(names)
    return "\n".join(lines) + "\n"


def published_rows(names: Iterable[str]) -> list[str]:
    """Table of the tutorials' rows of some models; [] where none has one."""
    rows = [row for name in names for row in published_models(name)]
    if not rows:
        return []
    head = "| published | tutorial | metric | on | GPU ms, normal / fast | CPU ms, normal / fast | MB | weights |"
    lines = ["", head, "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        metrics = ", ".join(f"{name} {value:g}" for name, value in row.metrics.items())
        times = [" / ".join("–" if t is None else f"{t:g}" for t in kind.values()) for kind in (row.gpu_ms, row.cpu_ms)]
        links = f"[inference]({row.inference_url})" + (f", [training]({row.training_url})" if row.training_url else "")
        cells = [row.model, row.tutorial, metrics, row.data, *times, f"{row.size_mb:g}", links]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    machines = dict.fromkeys(f"{row.tutorial}: {row.source}; {row.environment}." for row in rows)
    return [*lines, "", *(f"{one}  " for one in machines)]


def notebook_page() -> str:
    """The notebook as a page: its text, and its code in blocks."""
    cells = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"]).strip()
        parts.append(f"```python\n{text}\n```" if cell["cell_type"] == "code" else text)
    parts.insert(1, "[Download the notebook](notebook.ipynb)")
    return "\n\n".join(parts) + "\n"


def recipes_page() -> str:
    """Every setting of every module's recipes, from the docstrings of the settings classes."""
    lines = [
        "# Recipe reference",
        "",
        "A recipe is a YAML file under `recipes/`. `sealkit show RECIPE` prints every setting, its value and where the",
        "value comes from; `-o key=value` overrides one. The tables below are generated from the settings classes.",
    ]
    seen: dict[str, Any] = {}
    for path in shipped("recipes").values():
        settings = load_recipe(path).settings
        seen.setdefault(settings.module, type(settings))
    for module in sorted(seen):
        lines += ["", f"## {module}", "", "| key | type | default | meaning |", "|---|---|---|---|"]
        for path in leaf_keys(seen[module]):
            slot = slot_at(seen[module], path, None)
            if slot is None or slot.model() is not None:
                continue  # a block: its keys follow
            owner = slot_at(seen[module], path[:-1], None) or Slot(seen[module])
            model: Any = owner.model()
            field = model.model_fields[str(path[-1])]
            meaning = re.sub(r"\s+", " ", meanings(model).get(str(path[-1]), "")).replace("|", "\\|")
            default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
            if len(default) > 60:
                default = "see `sealkit show`"
            kind = describe(slot).replace("|", "\\|")
            lines.append(f"| `{'.'.join(map(str, path))}` | {kind} | {default} | {meaning} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


def predict_page() -> str:
    """Every parameter of predict(), with its flag and its field of the service."""
    lines = [
        "# Parameters of predict",
        "",
        "One class, `sealkit.pipeline.options.PredictOptions`, is the source of the parameters of `predict()`, of the",
        "flags of `sealkit infer` and of the fields of `POST /seal-recognition`. A parameter that is not given is as",
        "configured.",
        "",
        "| parameter | flag | field of the service | meaning |",
        "|---|---|---|---|",
    ]
    for one in PredictOptions.infos():
        flag, field = (f"`{one.flag}`", f"`{one.camel}`") if one.in_text else ("–", "–")
        lines.append(f"| `{one.name}` | {flag} | {field} | {one.doc} |")
    return "\n".join(lines) + "\n"


write("reference/models.md", models_page())
write("notebook.md", notebook_page())
write("reference/predict.md", predict_page())
write("reference/recipes.md", recipes_page())
write("reference/formats.md", copied("datasets/FORMATS.md", {"CHECKS.md": "checks.md"}))
write("reference/checks.md", copied("datasets/CHECKS.md", {"FORMATS.md": "formats.md"}))
write(
    "project/contributing.md",
    copied("CONTRIBUTING.md", {"docs/project/": "", "docs/": "../"}),
)
