"""Who may import whom, and what an import may cost."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sealkit"
# What pre- and post-processing may import: serving and ONNX users have no more than this.
PLAIN = {"numpy", "cv2", "pyclipper", "shapely"}
PLAIN_ROOMS = {"errors", "config", "charset", "images", "geometry"}
HEAVY = {
    "paddle",
    "torch",
    "matplotlib",
    "onnxruntime",
    "openvino",
    "visualdl",
    "pycocotools",
    "rapidocr",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path, *, top_only: bool = False) -> list[tuple[str, int]]:
    """(dotted module, line) of every import; with top_only of those that run when the file is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[tuple[str, int]] = []

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


def test_layers_and_circles() -> None:
    """The contracts of import-linter in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("Contracts") :]


@pytest.mark.parametrize(
    "path", [p for p in (PACKAGE / "modules").rglob("*.py") if p.name in ("preprocess.py", "postprocess.py")],
    ids=name_of,
)  # fmt: skip
def test_pre_and_postprocessing_need_no_training_code(path: Path) -> None:
    own = ".".join(path.relative_to(ROOT).parent.parts)
    for target, line in imports(path):
        parts = target.split(".")
        if parts[0] == "sealkit":
            fine = parts[1] in PLAIN_ROOMS or target.startswith(own)
        else:
            fine = parts[0] in PLAIN or parts[0] in sys.stdlib_module_names
        assert fine, f"sealkit/{name_of(path)}:{line}: {target}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    """Paddle networks are classes and need paddle at their top; they are imported by builders only."""
    networks = any(part in ("networks", "nn", "engine", "assigners.py") for part in path.parts)
    networks |= path.name.endswith("loss.py")
    for target, line in imports(path, top_only=True):
        package = target.split(".")[0]
        if package == "paddle" and networks:
            continue
        assert package not in HEAVY, f"sealkit/{name_of(path)}:{line}: {package} at the top of the file"


def python(code: str) -> str:
    """Output of a fresh interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    return done.stdout.strip()


def test_import_sealkit_is_instant() -> None:
    """Under 0.3 s: the best of three, since a busy machine says nothing about us."""
    code = "import time; s = time.perf_counter(); import sealkit; print(time.perf_counter() - s)"
    assert min(float(python(code)) for _ in range(3)) < 0.3


def test_import_sealkit_loads_nothing_heavy() -> None:
    loaded = python("import sys, sealkit; print(' '.join(sys.modules))").split()
    for package in (*HEAVY, "numpy", "cv2", "pydantic", "yaml"):
        assert package not in loaded


@pytest.mark.parametrize(
    "command", ["--help", "models", "train --help", "infer --help", "data --help", "show seal_det_mobile"]
)
def test_light_commands_load_no_paddle(command: str) -> None:
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


def test_public_names() -> None:
    import sealkit

    assert set(dir(sealkit)) == set(sealkit.__all__)
    for name in sealkit.__all__:
        assert getattr(sealkit, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'trainn'"):
        _ = sealkit.trainn  # type: ignore[attr-defined]
