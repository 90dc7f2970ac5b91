"""The table of models at the end of a run: what tests marked `models` record about the model they took all the way.

pytest -q -m models tests/modules
"""

from __future__ import annotations

from typing import Any

import pytest

COLUMNS = {"recipe": 32, "model": 24, "MB": 8, "largest difference": 20, "trained": 9, "exported": 10, "seconds": 9}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if "models" not in report.keywords or report.when != "call":
                continue
            found = dict(report.user_properties).get("row", {"recipe": report.nodeid.partition("[")[2].rstrip("]")})
            rows.append({**found, "seconds": f"{report.duration:.0f}", "result": outcome})
    if not rows:
        return
    terminalreporter.section("models")
    terminalreporter.write_line("".join(f"{name:<{width}}" for name, width in COLUMNS.items()) + "result")
    for row in sorted(rows, key=lambda row: row["recipe"]):
        cells = "".join(f"{row.get(name, '–')!s:<{width}}" for name, width in COLUMNS.items())
        terminalreporter.write_line(cells + row["result"])


@pytest.fixture
def model_row(record_property: Any) -> Any:
    """Call it with what is known of the model: recipe, model, the exported folder, its report, and the main figure of
    the trained and of the exported network."""

    def record(recipe: str, model: str, folder: Any, report: dict[str, Any], trained: float, exported: float) -> None:
        size = sum(file.stat().st_size for file in folder.glob("inference.*") if file.suffix != ".onnx")
        worst = max(value for parts in report["max_abs_difference"].values() for value in parts.values())
        record_property(
            "row",
            {
                "recipe": recipe,
                "model": model,
                "MB": f"{size / 1e6:.1f}",
                "largest difference": f"{worst:.1e}",
                "trained": f"{trained:.4f}",
                "exported": f"{exported:.4f}",
            },
        )

    return record
