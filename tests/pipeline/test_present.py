"""How results show themselves."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from sealkit.errors import ImageError, SealkitError
from sealkit.images import ImageRecord
from sealkit.modules.json_text import compact_json
from sealkit.modules.result import ModuleResult
from sealkit.pipeline.present import write_csv
from sealkit.pipeline.result import SealRecognitionResult
from tests.pipeline.conftest import MakePipeline


@pytest.fixture
def result(make_pipeline: MakePipeline, seal_image: np.ndarray) -> SealRecognitionResult:
    (result,) = make_pipeline().predict(seal_image)
    return result


def test_a_result_prints_its_texts_and_no_arrays(result: SealRecognitionResult) -> None:
    text = str(result)
    assert all(one in text for one in result.texts) and "array" not in text and len(text) < 600
    assert repr(result) == f"<SealRecognitionResult image: 1 seal, {len(result.texts)} texts>"
    assert len(repr(result["seal_res_list"])) < 300


def test_short_forms_agree_with_the_full_one(result: SealRecognitionResult) -> None:
    seals = result.to_dict()["seals"]
    assert [one["text"] for seal in seals for one in seal["texts"]] == result.texts
    assert [row["text"] for row in result.rows()] == result.texts
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_a_notebook_shows_image_and_escaped_texts(result: SealRecognitionResult) -> None:
    result["seal_res_list"][0]["lines"][0]["text"] = "<b>章"
    shown = result._repr_html_()
    assert "&lt;b&gt;章" in shown and "<b>章" not in shown and "data:image/png;base64," in shown
    assert result._repr_png_().startswith(b"\x89PNG")


def test_csv_opens_in_a_spreadsheet_and_runs_nothing_there(result: SealRecognitionResult, tmp_path: Path) -> None:
    result["seal_res_list"][0]["lines"][0]["text"] = '=HYPERLINK("x")'
    write_csv([result, result], tmp_path / "deep" / "all.csv")
    data = (tmp_path / "deep" / "all.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert data.startswith(b"\xef\xbb\xbf") and len(rows) == 2 * len(result.rows())
    assert rows[0]["text"] == '\'=HYPERLINK("x")' and rows[1]["text"] == result.rows()[1]["text"]


def test_a_data_frame_has_a_row_per_text(result: SealRecognitionResult, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    frame = result.to_df()
    assert isinstance(frame, pandas.DataFrame) and frame["text"].tolist() == result.texts
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SealkitError, match=r"pip install pandas; rows\(\)"):
        result.to_df()


def test_saved_json_has_polygons_on_one_line_and_the_same_data(result: SealRecognitionResult, tmp_path: Path) -> None:
    result.save_to_json(tmp_path)
    (file,) = tmp_path.glob("*_res.json")
    text = file.read_text(encoding="utf-8")
    assert json.loads(text) == result.json["res"]
    assert file.stat().st_size < 12_000 and text.count("\n") < 150
    assert re.search(r'"line_poly": \[\[\d+(\.\d)?,\d+(\.\d)?\],', text)  # tenths of pixels, not float32's 15 digits
    result.save_to_json(tmp_path / "wide.json", indent=None)
    assert (tmp_path / "wide.json").read_text(encoding="utf-8").count("\n") == 0


@pytest.mark.parametrize(
    "value", [{}, [], {"a": [[1, 2], [3.5, None]]}, [{"b": ["章"]}, []], 3, "x", [[[1, 2]], [[3]]]]
)
def test_compact_json_is_json(value: object) -> None:
    assert json.loads(compact_json(value)) == value


def test_one_path_that_is_not_there_raises_and_in_a_list_it_is_a_result(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        list(pipeline.predict("nowhere.png"))
    (broken,) = pipeline.predict(["nowhere.png"])
    assert not broken.ok and "not read" in repr(broken) and "nowhere.png" in str(broken)
    assert broken.rows() == [] and broken._repr_png_() is None
    with pytest.raises(SealkitError, match="no image to show"):
        broken.show()


def test_module_results_have_the_names_paddlex_documents(capsys: pytest.CaptureFixture[str]) -> None:
    found = ModuleResult(ImageRecord(np.zeros((4, 6, 3), np.uint8), input_path="x.png"), "boxes")
    found["boxes"] = np.zeros((100, 4))
    assert found.img["res"].size == (6, 4)
    assert "array(100, 4)" in repr(found) and len(repr(found)) < 200
    found.print(format_json=True)
    assert json.loads(capsys.readouterr().out)["res"]["input_path"] == "x.png"


def test_signatures_of_the_public_functions_are_complete() -> None:
    import inspect

    import sealkit
    from sealkit.pipeline import create

    for name in ("create_pipeline", "create_model"):
        public, inner = inspect.signature(getattr(sealkit, name)), inspect.signature(getattr(create, name))
        assert [str(p) for p in public.parameters.values()] == [str(p) for p in inner.parameters.values()]
        missing = [p for p in public.parameters if f"{p}" not in (getattr(sealkit, name).__doc__ or "")]
        assert missing == []
