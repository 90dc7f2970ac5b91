"""Puts recipes/ and configs/ into the wheel (as sealkit/shipped/). Everything else is in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent


class BuildWithYaml(build_py):
    """An editable install finds both folders beside the package; a wheel has no such place."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for kind in ("recipes", "configs"):
            target = Path(self.build_lib) / "sealkit" / "shipped" / kind
            shutil.rmtree(target, ignore_errors=True)  # build/ may hold the files of an earlier build
            target.mkdir(parents=True)
            for file in sorted((HERE / kind).glob("*.y*ml")):
                shutil.copy2(file, target / file.name)


setup(cmdclass={"build_py": BuildWithYaml})
