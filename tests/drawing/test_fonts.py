"""Fonts are believed by their ink, not by their character maps."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from sealkit.drawing import fonts
from sealkit.drawing.fonts import Face, chinese_faces, face_for, find_faces
from sealkit.errors import DataError

NOTHING = "\U0010fffd"


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return chinese_faces()


def test_every_chinese_face_draws_different_ink_for_different_characters(faces: list[Face]) -> None:
    for face in faces:
        inks = [face.glyph(char).ink for char in "有公司人"]
        assert all(ink.size and ink.max() > 200 for ink in inks), face.name
        shapes = {ink.tobytes() for ink in inks}
        assert len(shapes) == 4, f"{face.name} draws the same box for several characters"


def test_a_code_point_of_no_font_is_never_had(faces: list[Face]) -> None:
    for face in faces:
        assert not face.has(NOTHING), face.name
        with pytest.raises(DataError, match=r"has no glyph for U\+10FFFD"):
            face.glyph(NOTHING)
    assert face_for("公司" + NOTHING) is None


def test_placeholders_and_empty_ink_count_as_missing(faces: list[Face], monkeypatch: pytest.MonkeyPatch) -> None:
    """A font whose map has the character but which draws its box, a dot or nothing for it."""
    face = Face(faces[0].path, faces[0].index, "test", "Regular", "song")
    box = fonts.Glyph(np.full((70, 60), 255, np.uint8), 5, 10, 96.0)
    drawn = {
        "国": fonts.Glyph(np.arange(80 * 80, dtype=np.uint8).reshape(80, 80), 5, 5, 96.0),
        "空": fonts.Glyph(np.zeros((0, 0), np.uint8), 0, 0, 96.0),
        "点": fonts.Glyph(np.full((6, 6), 255, np.uint8), 45, 45, 96.0),
        " ": fonts.Glyph(np.zeros((0, 0), np.uint8), 0, 0, 40.0),
    }
    monkeypatch.setattr(face, "_draw", lambda char: drawn.get(char, box))
    assert face.has("国") and face.has(" ")
    assert not face.has("盒") and not face.has("空") and not face.has("点")
    assert not face.covers("国空")


def test_glyph_is_cropped_to_its_ink(faces: list[Face]) -> None:
    glyph = faces[0].glyph("一")
    assert glyph.ink.shape[1] > 3 * glyph.ink.shape[0]
    assert glyph.ink[0].max() > 32 and glyph.ink[:, 0].max() > 32
    assert 0.5 * fonts.GLYPH_PX < glyph.advance < 1.5 * fonts.GLYPH_PX


def test_refused_faces_are_not_found() -> None:
    assert not [face.name for face in find_faces() if re.search("simhei|emoji", face.family + face.path.stem, re.I)]


def test_no_chinese_font_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "font_folders", lambda: [tmp_path])
    monkeypatch.setattr(fonts, "_package_folder", lambda: None)
    find_faces.cache_clear()
    try:
        with pytest.raises(DataError, match="no font with Chinese characters") as caught:
            chinese_faces()
        assert "fonts-noto-cjk" in str(caught.value) and "mplfonts" in str(caught.value)
    finally:
        find_faces.cache_clear()


def test_a_variable_names_the_only_fonts(faces: list[Face], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / faces[0].path.name).write_bytes(faces[0].path.read_bytes())
    monkeypatch.setenv("SEALKIT_FONTS", os.pathsep.join([str(tmp_path), str(tmp_path)]))
    find_faces.cache_clear()
    try:
        assert {face.path.parent for face in chinese_faces()} == {tmp_path}
        (tmp_path / faces[0].path.name).unlink()
        find_faces.cache_clear()
        with pytest.raises(DataError, match="no font with Chinese characters") as caught:  # not even mplfonts'
            chinese_faces()
        assert str(tmp_path) in str(caught.value)
        monkeypatch.setenv("SEALKIT_FONTS", str(tmp_path / "nowhere"))
        find_faces.cache_clear()
        with pytest.raises(DataError, match="SEALKIT_FONTS names a folder that does not exist"):
            chinese_faces()
    finally:
        find_faces.cache_clear()


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("darwin", "/System/Library/Fonts"),
        ("darwin", "/Library/Fonts"),
        ("win32", "Windows/Fonts"),
        ("win32", "Microsoft/Windows/Fonts"),
        ("linux", "/usr/share/fonts"),
    ],
)
def test_every_platform_has_its_folders(platform: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDIR", "C:/Windows")
    monkeypatch.delenv("HOME", raising=False)
    assert any(path.as_posix().endswith(folder) for path in fonts.system_folders(platform))
