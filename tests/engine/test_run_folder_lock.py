"""What a run that could not begin leaves behind, and who may write into a folder."""

from pathlib import Path

import pytest

from sealkit.engine.run_folder import RunFolder
from sealkit.errors import TrainingError


def test_a_failed_start_leaves_no_folder(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", resume=False, overwrite=False).close()
    assert not (tmp_path / "run").exists()


def test_a_failed_start_leaves_the_folder_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run", resume=False, overwrite=False).close()
    assert list((tmp_path / "run").iterdir()) == []


def test_one_run_at_a_time_also_after_a_failed_start(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", resume=False, overwrite=False).close()
    first = RunFolder(tmp_path / "run", resume=False, overwrite=False)
    with pytest.raises(TrainingError, match="another run is writing"):
        RunFolder(tmp_path / "run", resume=False, overwrite=False)
    first.begun()
    first.close()
    assert (tmp_path / "run" / ".lock").exists()
