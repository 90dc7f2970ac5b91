"""`sealkit config`: copies of shipped configs that stand alone."""

from pathlib import Path

import pytest

from sealkit.cli import main
from sealkit.config.find import shipped
from sealkit.pipeline.create import load_config


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["config", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list")
    names = [line.split()[0] for line in out.splitlines()]
    assert code == 0 and set(names) == set(shipped("configs"))
    assert {f"seal_recognition{v}" for v in ("", "-nopp", "-nopp-nolayout", "-nopp-lightweight",
            "-nopp-lightweightlayout", "-nopp-nolayout-lightweight")} < set(names)  # fmt: skip


@pytest.mark.parametrize("name", sorted(shipped("configs")))
def test_a_copy_means_the_same_without_its_neighbours(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "get", name, "--save-path", "copy")
    assert code == 0 and out.strip().endswith(f"{name}.yaml")
    copy = tmp_path / "copy" / f"{name}.yaml"
    assert "base:" not in copy.read_text(encoding="utf-8") and copy.read_text(encoding="utf-8").startswith("# ")
    assert load_config(copy).settings == load_config(name).settings
    code, _, err = run(capsys, "get", name, "--save-path", copy)
    assert code == 2 and "--overwrite" in err
    assert run(capsys, "get", name, "--save-path", copy, "--overwrite")[0] == 0
    assert run(capsys, "get", name)[1] == copy.read_text(encoding="utf-8")


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "get", "seal_recognitoin")
    assert code == 2 and "did you mean seal_recognition" in err
    assert run(capsys, "get")[0] == 2
