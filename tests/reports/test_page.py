"""The report page: everything embedded, nothing executed, unknown sections refused."""

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.reports.curves import line_chart, read_metrics, scatter_chart
from sealkit.reports.page import write_page


def test_page_is_self_contained_and_escapes_text(tmp_path: Path) -> None:
    image = np.zeros((900, 1200, 3), np.uint8)
    path = write_page(
        tmp_path / "deep" / "report.html",
        "run <b>",
        [
            {"title": "metrics", "rows": [{"name": "hmean", "start": 0.5, "best": 0.75}, {"name": "n", "count": 1200}]},
            {"title": "worst", "images": [("<script>alert(1)</script>", image)]},
        ],
        warnings=["the loss term loss_area was 0"],
    )
    html = path.read_text(encoding="utf-8")
    assert "run &lt;b&gt;" in html and "<script>" not in html
    assert 'src="data:image/jpeg;base64,' in html and "http" not in html
    assert "0.7500" in html and "1,200" in html and "loss_area" in html
    assert not list(tmp_path.glob("**/*.part"))


def test_unknown_section_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="photos"):
        write_page(tmp_path / "r.html", "x", [{"title": "a", "photos": []}])


def test_chart_has_every_series_and_is_reproducible() -> None:
    series = {"train": [(0, 2.0), (1, 1.0)], "val": [(0, 3.0), (1, 1.5)], "empty": []}
    svg = line_chart(series, x_label="step", title="loss")
    assert svg.startswith("<svg") and ">train<" in svg and ">val<" in svg and ">empty<" not in svg
    assert svg == line_chart(series, x_label="step", title="loss")


def test_scatter_numbers_a_name_alike_in_every_series() -> None:
    series = {"published": {"one": (10.0, 90.0), "two": (20.0, 95.0)}, "here": {"two": (200.0, 80.0)}, "none": {}}
    svg = scatter_chart(series, x_label="ms", y_label="%")
    assert svg.startswith("<svg") and ">1 one<" in svg and ">2 two<" in svg and ">none<" not in svg
    assert svg.count(">2<") == 2 and svg.count(">1<") == 1
    assert svg == scatter_chart(series, x_label="ms", y_label="%")


def test_axes_and_texts_of_charts_follow_the_page_in_dark_and_light() -> None:
    svg = line_chart({"a": [(0, 0.2), (1, 0.3)]}, x_label="recall", title="Precision", rates=True)
    assert "stroke: currentColor" in svg and "#000000" not in svg
    assert all(f">{tick}<" in svg for tick in ("0.0", "1.0")), "both axes from 0 to 1"
    assert ">a<" not in svg, "one line needs no legend"


def test_no_share_is_above_a_hundred_percent() -> None:
    svg = scatter_chart({"published": {"one": (3.0, 99.0)}}, x_label="ms", y_label="%")
    assert ">100<" in svg and ">102<" not in svg and ">104<" not in svg


def test_folded_sections_come_last_and_strips_keep_their_width(tmp_path: Path) -> None:
    strip, image = np.zeros((48, 900, 3), np.uint8), np.zeros((900, 900, 3), np.uint8)
    case = {"title": "1. x", "about": "a", "texts": [("read", [("甲", ""), ("<i>", "wrong"), ("乙", "missing")])]}
    sections: list[dict[str, Any]] = [
        {"title": "table", "rows": [{"a": 1}], "fold": True},
        {"title": "cases", "cases": [{**case, "images": [("", image)], "strips": [("s", strip)]}]},
    ]
    html = write_page(tmp_path / "r.html", "x", sections, subtitle="of a set").read_text(encoding="utf-8")
    assert html.index("cases") < html.index("<details>") and "of a set; written 2" in html
    assert "<ins>&lt;i&gt;</ins><del>乙</del>" in html
    sizes = []
    for data in re.findall(r"base64,([^\"]+)", html):
        sizes.append(cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR).shape[:2])
    assert sizes == [(480, 480), (48, 900)]


def test_metrics_survive_a_cut_last_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo', encoding="utf-8")
    assert read_metrics(path) == [{"step": 1, "loss": 0.5}]
