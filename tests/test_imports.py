"""Who may import whom, and what an import may cost."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sealkit"
# A room may import rooms of its own line and of the lines above it.
LAYERS = (
    ("errors", "config", "charset", "images"),
    ("geometry", "drawing", "nn"),
    ("data", "weights", "runtime"),
    ("engine", "synth"),
    ("modules",),
    ("export", "pipeline", "reports", "zoo"),
    ("bench", "serving", "api"),
    ("cli", "__main__", "__init__"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# Rooms of one line that must not know each other.
STRANGERS = {"engine": {"synth"}, "reports": {"pipeline", "export"}}
# What pre- and post-processing may import: serving and ONNX users have no more than this.
PLAIN = {"numpy", "cv2", "pyclipper", "shapely"}
PLAIN_ROOMS = {"errors", "config", "charset", "images", "geometry"}
WITHOUT_PADDLE = (
    "errors",
    "config",
    "charset",
    "images",
    "geometry",
    "drawing",
    "data",
    "synth",
    "pipeline",
    "reports",
    "zoo",
)
HEAVY = {
    "paddle",
    "torch",
    "matplotlib",
    "onnxruntime",
    "openvino",
    "albumentations",
    "visualdl",
    "pycocotools",
    "rapidocr",
}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path, *, top_only: bool = False) -> list[tuple[str, int]]:
    """(dotted module, line) of every import; with top_only of those that run when the file is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, child.lineno) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}:{child.lineno}: imports are absolute here"
                found.extend((f"{child.module}.{alias.name}", child.lineno) for alias in child.names)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            elif not (top_only and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))):
                visit(child)

    visit(tree)
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_there_are_files_and_each_has_a_room():
    assert len(FILES) > 60
    assert {room(path) for path in FILES} <= set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_room_imports_one_above_it(path):
    own = room(path)
    for target, line in imports(path):
        parts = target.split(".")
        if parts[0] != "sealkit" or len(parts) < 2 or parts[1] not in LEVEL:
            continue
        other = parts[1]
        where = f"sealkit/{name_of(path)}:{line}"
        assert LEVEL[other] <= LEVEL[own], (
            f"{where}: {own} (line {LEVEL[own] + 1}) imports {other} (line {LEVEL[other] + 1})"
        )
        assert other not in STRANGERS.get(own, ()), f"{where}: {own} must not know {other}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.name in ("preprocess.py", "postprocess.py")], ids=name_of
)  # fmt: skip
def test_pre_and_postprocessing_need_no_training_code(path):
    own = ".".join(path.relative_to(ROOT).parent.parts)
    for target, line in imports(path):
        parts = target.split(".")
        if parts[0] == "sealkit":
            fine = parts[1] in PLAIN_ROOMS or target.startswith(own)
        else:
            fine = parts[0] in PLAIN or parts[0] in sys.stdlib_module_names
        assert fine, f"sealkit/{name_of(path)}:{line}: {target}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_packages_are_imported_where_they_are_used(path):
    """Paddle networks are classes and need paddle at their top; they are imported by builders only."""
    networks = any(part in ("networks", "nn", "engine", "assigners.py") for part in path.parts)
    networks |= path.name.endswith("loss.py")
    for target, line in imports(path, top_only=True):
        package = target.split(".")[0]
        if package == "paddle" and networks:
            continue
        assert package not in HEAVY, f"sealkit/{name_of(path)}:{line}: {package} at the top of the file"
    if room(path) in WITHOUT_PADDLE:
        assert not [line for target, line in imports(path) if target.split(".")[0] == "paddle"], (
            "this room has no paddle"
        )


def python(code: str) -> str:
    """Output of a fresh interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    return done.stdout.strip()


def test_import_sealkit_is_instant():
    """Under 0.3 s: the best of three, since a busy machine says nothing about us."""
    code = "import time; s = time.perf_counter(); import sealkit; print(time.perf_counter() - s)"
    assert min(float(python(code)) for _ in range(3)) < 0.3


def test_public_names_stay_what_they_are_when_rooms_are_imported():
    """The function sealkit.export and the folder sealkit/export have one name."""
    code = """
import sealkit, sealkit.export.parity
from sealkit.export import model
print(*(callable(getattr(sealkit, name)) for name in sealkit.__all__ if name[0].islower()), model.__name__)
"""
    assert python(code).split() == ["True"] * 7 + ["sealkit.export.model"]


def test_import_sealkit_loads_nothing_heavy():
    loaded = python("import sys, sealkit; print(' '.join(sys.modules))").split()
    for package in (*HEAVY, "numpy", "cv2", "pydantic", "yaml"):
        assert package not in loaded


@pytest.mark.parametrize(
    "command", ["--help", "models", "train --help", "infer --help", "data --help", "show seal_det_mobile"]
)
def test_light_commands_load_no_paddle(command):
    code = f"""
import contextlib, sys
from sealkit.cli import main
with contextlib.suppress(SystemExit):  # how --help ends
    main({command.split()!r})
print("\\nLOADED", *sys.modules)
"""
    loaded = python(code).rsplit("LOADED", 1)[1].split()
    for package in HEAVY:
        assert package not in loaded


def test_public_names():
    import sealkit

    assert set(dir(sealkit)) == set(sealkit.__all__)
    for name in sealkit.__all__:
        assert getattr(sealkit, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'trainn'"):
        _ = sealkit.trainn  # type: ignore[attr-defined]
