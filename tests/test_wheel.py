"""What is installed from a wheel has the recipes and configs, and works away from a checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def python(*arguments: object, **options: Any) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: `pip wheel` leaves build/ behind in the folder it builds."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if name.split("/")[0] in ("sealkit", "recipes", "configs") or "/" not in name:
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                target.write_bytes((ROOT / name).read_bytes())
    python("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (built,) = folder.glob("*.whl")
    return built


def test_content(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("recipes", "configs"):
        here = {path.name for path in (ROOT / kind).glob("*.yaml")}
        assert here
        assert {f"sealkit/shipped/{kind}/{name}" for name in here} <= names
    packages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sealkit").rglob("*.py")}
    assert packages <= names
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sealkit").rglob("*") if path.is_file()}
    data = {name for name in data if "__pycache__" not in name}
    assert data <= names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "datasets/"))]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_recipes_are_found_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(place)
    environment = {**os.environ, "PYTHONPATH": str(place)}
    for name in ("seal_det_mobile", "recipes/seal_det_mobile.yaml", "embedded"):
        out = python("-m", "sealkit", "show", name, cwd=tmp_path, env=environment)
        assert "site/sealkit/shipped/" in out.replace(os.sep, "/"), out
    assert "seal_det_mobile_finetune" in python("-m", "sealkit", "models", cwd=tmp_path, env=environment)


@pytest.mark.slow
@pytest.mark.network
def test_in_a_venv_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """No paddle, no opencv-contrib, nothing but what the wheel asks for."""
    python("-m", "venv", tmp_path / "venv")
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "-q", wheel], check=True, timeout=600)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for command in (["show", "seal_det_mobile"], ["show", "embedded"], ["models"], ["doctor"]):
        done = subprocess.run(
            [scripts / "sealkit", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [scripts / "sealkit", "train", "-c", "seal_det_mobile"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "pip install 'sealkit[train]'" in done.stderr
