"""Requests and answers as PaddleX's service has them (docs/serving.md)."""

import base64
import io
import json
import math
from typing import Any

import httpx
import pytest
from PIL import Image

from sealkit.serving.encode import shrink
from tests.serving.calls import Client
from tests.serving.conftest import MakeClient, MakePdf, encoded
from tests.serving.fakes import FakePipeline


def opened(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    assert image.format == "JPEG"
    return image


def error(response: httpx.Response) -> str:
    """errorMsg of an error answer whose form is checked."""
    body = response.json()
    assert list(body) == ["logId", "errorCode", "errorMsg"]
    assert body["errorCode"] == response.status_code and body["logId"]
    return body["errorMsg"]


def test_success_has_paddlex_form(client: Client, png: str) -> None:
    response = client.infer(file=png, fileType=1)
    body = response.json()
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    assert list(body) == ["logId", "result", "errorCode", "errorMsg"]
    assert body["errorCode"] == 0 and body["errorMsg"] == "Success" and len(body["logId"]) == 36
    assert list(body["result"]) == ["sealRecResults", "dataInfo"]
    assert body["result"]["dataInfo"] == {"width": 40, "height": 30, "type": "image"}
    (entry,) = body["result"]["sealRecResults"]
    assert list(entry) == ["prunedResult", "outputImages", "inputImage"]
    assert list(entry["outputImages"]) == ["layout_det_res", "seal_res_region1"]
    assert opened(entry["outputImages"]["seal_res_region1"]).size == (80, 30)
    assert opened(entry["inputImage"]).size == (40, 30)


def test_pruned_result_has_no_paths_or_pages_at_any_level(client: Client, png: str) -> None:
    pruned = client.infer(file=png, fileType=1).json()["result"]["sealRecResults"][0]["prunedResult"]
    assert "input_path" not in json.dumps(pruned) and "page_index" not in json.dumps(pruned)
    assert pruned["seal_res_list"] == [{"rec_texts": ["印章"], "rec_scores": [0.5]}]
    assert "印章".encode() in client.infer(file=png, fileType=1).content  # as UTF-8, not escaped


@pytest.mark.parametrize(
    ("config", "asked", "shown"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True), (False, "yes", True)],
)
def test_visualize_of_the_request_then_of_the_config(
    make_client: MakeClient, png: str, config: bool, asked: bool | str | None, shown: bool
) -> None:
    entry = make_client(visualize=config).infer(file=png, fileType=1, visualize=asked).json()["result"]
    assert (list(entry["sealRecResults"][0]) == ["prunedResult", "outputImages", "inputImage"]) is shown
    assert (list(entry["sealRecResults"][0]) == ["prunedResult"]) is not shown


def test_parameters_reach_predict_by_its_names(client: Client, png: str) -> None:
    given = {
        "useDocOrientationClassify": False,
        "useDocUnwarping": "false",
        "useLayoutDetection": 1,
        "layoutThreshold": {"16": 0.3},
        "layoutNms": True,
        "layoutUnclipRatio": [1, 2],
        "layoutMergeBboxesMode": "union",
        "sealDetLimitSideLen": 736.0,
        "sealDetLimitType": "min",
        "sealDetThresh": 0.2,
        "sealDetBoxThresh": None,
        "sealDetUnclipRatio": 1,
        "sealRecScoreThresh": 0,
        "somethingElse": 5,
    }
    answer = client.infer(file=png, fileType=True, **given).json()["result"]
    assert answer["sealRecResults"][0]["prunedResult"]["parameters"] == {
        "use_doc_orientation_classify": False,
        "use_doc_unwarping": False,
        "use_layout_detection": True,
        "layout_threshold": {"16": 0.3},
        "layout_nms": True,
        "layout_unclip_ratio": [1.0, 2.0],
        "layout_merge_bboxes_mode": "union",
        "seal_det_limit_side_len": 736,
        "seal_det_limit_type": "min",
        "seal_det_thresh": 0.2,
        "seal_det_unclip_ratio": 1.0,
        "seal_rec_score_thresh": 0.0,
    }


def test_pdf_is_cut_at_ten_pages(client: Client, pdf: MakePdf) -> None:
    result = client.infer(file=pdf(11), fileType=0).json()["result"]
    assert len(result["sealRecResults"]) == 10
    assert result["dataInfo"] == {"numPages": 10, "pages": [{"width": 120, "height": 160}] * 10, "type": "pdf"}


def test_number_of_pages_is_the_configs(make_client: MakeClient, pdf: MakePdf) -> None:
    for limit, pages in ((2, 2), (None, 11)):
        answer = make_client(extra={"max_num_input_imgs": limit}).infer(file=pdf(11), fileType=0, visualize=False)
        assert answer.json()["result"]["dataInfo"]["numPages"] == pages


def test_tiff_frames_are_pages_and_one_frame_is_an_image(make_client: MakeClient) -> None:
    frames = [Image.new("RGB", (20 + n, 10)) for n in range(3)]
    many = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    client = make_client(extra={"max_num_input_imgs": 2})
    about = client.infer(file=many, fileType=1).json()["result"]["dataInfo"]
    assert about == {
        "numPages": 2,
        "pages": [{"width": 20, "height": 10}, {"width": 21, "height": 10}],
        "type": "tiff",
    }
    about = client.infer(file=encoded(frames[0], "TIFF"), fileType=1).json()["result"]["dataInfo"]
    assert about == {"width": 20, "height": 10, "type": "image"}


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((640, 640), (300, 200), (200, 200)),
        ((1254, 627), (300, 200), (300, 150)),
        ((250, 150), (300, 200), (250, 150)),
        ((100, 3000), (2000, 2000), (66, 2000)),
        ((5000, 1), (2000, 2000), (2000, 1)),
        ((5000, 10), None, (5000, 10)),
    ],
)
def test_images_are_shrunk_and_never_enlarged(
    size: tuple[int, int], limit: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    import numpy as np

    assert shrink(np.zeros((size[1], size[0], 3), np.uint8), limit).shape[1::-1] == expected


FILE_ERRORS = "Invalid input file"
VALID = "Input should be a valid"
NUMBER, INTEGER = f"{VALID} number", f"{VALID} integer"
TOO_LONG = "Tuple should have at most 2 items after validation, not 3"


@pytest.mark.parametrize(
    ("fields", "entries"),
    [
        ({}, [("missing", "body.file", "Field required")]),
        ({"file": None}, [("string_type", "body.file", "Input should be a valid string")]),
        ({"file": 5}, [("string_type", "body.file", "Input should be a valid string")]),
        ({"file": "x", "fileType": 2}, [("literal_error", "body.fileType", "Input should be 0 or 1")]),
        ({"file": "x", "fileType": "1"}, [("literal_error", "body.fileType", "Input should be 0 or 1")]),
        (
            {"file": "x", "useLayoutDetection": "maybe"},
            [("bool_parsing", "body.useLayoutDetection", f"{VALID} boolean, unable to interpret input")],
        ),
        (
            {"file": "x", "sealDetLimitSideLen": 736.5},
            [("int_from_float", "body.sealDetLimitSideLen", f"{INTEGER}, got a number with a fractional part")],
        ),
        (
            {"file": "x", "layoutMergeBboxesMode": {}},
            [("string_type", "body.layoutMergeBboxesMode", f"{VALID} string")],
        ),
        (
            {"file": "x", "layoutThreshold": "abc"},
            [
                ("float_parsing", "body.layoutThreshold.float", f"{NUMBER}, unable to parse string as a number"),
                ("dict_type", "body.layoutThreshold.dict[any,any]", f"{VALID} dictionary"),
            ],
        ),
        (
            {"file": "x", "layoutUnclipRatio": [1, 2, 3]},
            [
                ("float_type", "body.layoutUnclipRatio.float", NUMBER),
                ("too_long", "body.layoutUnclipRatio.tuple[float, float]", TOO_LONG),
            ],
        ),
        (
            {"file": "x", "layoutUnclipRatio": {"1": 2}},
            [
                ("float_type", "body.layoutUnclipRatio.float", NUMBER),
                ("tuple_type", "body.layoutUnclipRatio.tuple[float, float]", f"{VALID} tuple"),
            ],
        ),
    ],
)
def test_wrong_fields_are_named_as_paddlex_names_them(
    client: Client, fields: dict[str, Any], entries: list[tuple[str, str, str]]
) -> None:
    response = client.infer(**fields)
    listed = [{"type": kind, "loc": place, "msg": message} for kind, place, message in entries]
    assert response.status_code == 422 and error(response) == json.dumps(listed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"file": "QUJD"}, "File type cannot be determined"),
        ({"file": "http://a.example/x.zip"}, "Unsupported file type"),
        ({"file": "http://a.example/x"}, "The URL is not allowed by this server"),
        ({"file": "", "fileType": 1}, f"{FILE_ERRORS}: it is empty"),
        ({"file": "QUJ", "fileType": 1}, f"{FILE_ERRORS}: it is not base64"),
        ({"file": "@@@@", "fileType": 1}, f"{FILE_ERRORS}: it is empty"),
        ({"file": "中", "fileType": 1}, f"{FILE_ERRORS}: it is not base64"),
        ({"file": "QUJD", "fileType": 1}, f"{FILE_ERRORS}: "),
        ({"file": "QUJD", "fileType": 0}, f"{FILE_ERRORS}: it is not a PDF"),
        ({"file": base64.b64encode(b"%PDF-1.4 broken").decode(), "fileType": 0}, f"{FILE_ERRORS}: "),
        ({"file": base64.b64encode(b"%PDF-1.4 broken").decode()}, f"{FILE_ERRORS}: "),
        ({"file": "data:image/png,abc"}, f"{FILE_ERRORS}: a data URL must hold base64"),
    ],
)
def test_files_that_cannot_be_taken(client: Client, fields: dict[str, Any], message: str) -> None:
    response = client.infer(**fields)
    assert response.status_code == 422 and error(response).startswith(message)


@pytest.mark.parametrize(
    ("content", "headers", "kind", "place"),
    [
        (b"", {"Content-Type": "application/json"}, "missing", "body"),
        (b'{"file": x', {"Content-Type": "application/json"}, "json_invalid", "body[9]"),
        (b"[]", {"Content-Type": "application/json"}, "model_attributes_type", "body"),
        (b'{"file": "x"}', {"Content-Type": "text/plain"}, "model_attributes_type", "body"),
        (b'{"file": "x"}', {}, "model_attributes_type", "body"),
    ],
)
def test_bodies_that_are_no_request(
    client: Client, content: bytes, headers: dict[str, Any], kind: str, place: str
) -> None:
    response = client.call("POST", "/seal-recognition", content=content, headers=headers)
    (entry,) = json.loads(error(response))
    assert response.status_code == 422 and entry["type"] == kind and entry["loc"] == place


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b'{"file": ' + b"1" * 5000 + b"}"])
def test_json_that_cannot_be_held_is_400(client: Client, content: bytes) -> None:
    response = client.call("POST", "/seal-recognition", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 400 and error(response)


@pytest.mark.parametrize("number", [math.nan, math.inf, 10**30])
def test_numbers_beyond_reason(client: Client, png: str, number: str) -> None:
    content = json.dumps({"file": png, "fileType": 1, "sealDetLimitSideLen": number, "sealDetThresh": number})
    response = client.call("POST", "/seal-recognition", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 422 and "body.sealDetLimitSideLen" in error(response)


def test_pdf_as_image_and_the_reverse(client: Client, png: str, pdf: MakePdf) -> None:
    assert error(client.infer(file=png, fileType=0)) == "Invalid input file: it is not a PDF, fileType is 0 (PDF)"
    assert error(client.infer(file=pdf(1), fileType=1)) == "Invalid input file: it is a PDF, fileType is 1 (image)"


def test_without_file_type_the_content_says_what_it_is(client: Client, png: str, pdf: MakePdf) -> None:
    assert client.infer(file=png).json()["result"]["dataInfo"]["type"] == "image"
    assert client.infer(file=pdf(2)).json()["result"]["dataInfo"]["type"] == "pdf"


def test_data_urls(client: Client, png: str) -> None:
    for head in ("data:image/png;base64,", "DATA:;BASE64,", "data:text/plain;charset=x;base64,"):
        assert client.infer(file=head + png).json()["result"]["dataInfo"]["width"] == 40


def test_base64_with_line_breaks_is_read(client: Client, png: str) -> None:
    broken = "\r\n".join(png[at : at + 64] for at in range(0, len(png), 64))
    assert client.infer(file=broken, fileType=1).status_code == 200


def test_truncated_image(client: Client, png: str) -> None:
    cut = base64.b64encode(base64.b64decode(png)[:-200]).decode()
    said = error(client.infer(file=cut, fileType=1))
    assert said.startswith("Invalid input file: ") and "truncated" in said


def test_log_id_comes_back_in_errors_only(client: Client, png: str) -> None:
    assert client.infer(file="@@@@", fileType=1, logId="my-id-1").json() == {
        "logId": "my-id-1",
        "errorCode": 422,
        "errorMsg": "Invalid input file: it is empty",
    }
    assert client.infer(logId="my-id-2").json()["logId"] == "my-id-2"
    first, second = (client.infer(file=png, fileType=1, logId="my-id-1").json()["logId"] for _ in range(2))
    assert len({first, second, "my-id-1"}) == 3
    for strange in (5, ["a"], "", "\ud800"):  # none of them may end in a 500
        content = json.dumps({"file": "@@@@", "fileType": 1, "logId": strange})
        headers = {"Content-Type": "application/json"}
        response = client.call("POST", "/seal-recognition", content=content, headers=headers)
        assert response.status_code == 422 and isinstance(response.json()["logId"], str)


def test_refused_parameters_are_422_and_faults_are_500(
    client: Client, png: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.infer(file=png, fileType=1, sealDetLimitType="config")
    assert response.status_code == 422 and error(response) == "sealDetLimitType: this cannot be"
    response = client.infer(file=png, fileType=1, sealDetLimitType="raise")
    assert response.status_code == 500 and error(response) == "Internal server error"
    assert client.infer(file=png, fileType=1).status_code == 200


def test_other_paths_and_methods(client: Client) -> None:
    response = client.call("GET", "/nothing")
    assert response.status_code == 404 and error(response) == "Not Found"
    response = client.call("GET", "/seal-recognition")
    assert response.status_code == 405 and error(response) == "Method Not Allowed"


def test_health_metrics_and_documents(client: Client, png: str) -> None:
    healthy = client.call("GET", "/health").json()
    assert list(healthy) == ["logId", "errorCode", "errorMsg"]
    assert (healthy["errorCode"], healthy["errorMsg"]) == (0, "Healthy")
    client.infer(file=png, fileType=1)
    client.infer(file="@@@@", fileType=1)
    client.call("GET", "/a-path-of-a-scanner")
    text = client.call("GET", "/metrics").text
    assert 'sealkit_requests_total{path="/seal-recognition",status="200"} 1.0' in text
    assert 'sealkit_requests_total{path="/seal-recognition",status="422"} 1.0' in text
    assert "scanner" not in text and "sealkit_pages_total 1.0" in text and "sealkit_workers_ready 1.0" in text
    schema = client.call("GET", "/openapi.json").json()
    assert schema["paths"]["/seal-recognition"]["post"]["operationId"] == "infer"
    assert schema["paths"]["/health"]["get"]["operationId"] == "checkHealth"
    assert "sealDetUnclipRatio" in schema["components"]["schemas"]["InferRequest"]["properties"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_document_pages_need_no_other_server(client: Client, path: str) -> None:
    import re

    page = client.call("GET", path).text
    used = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert used
    for link in used:
        assert link.startswith("/") and client.call("GET", link).status_code == 200


def test_access_log_names_each_request(client: Client, png: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="sealkit.serving.access")
    answer = client.infer(file=png, fileType=1).json()
    client.infer(file="@@@@", fileType=1, logId="mine\nforged")
    client.call("GET", "/health")
    first, second = (vars(record) for record in caplog.records if record.name == "sealkit.serving.access")
    assert first["logId"] == answer["logId"] and first["status"] == 200 and first["pages"] == 1
    assert second["status"] == 422 and second["clientLogId"] == "mine\nforged"
    from sealkit.serving.log import JsonLines

    line = JsonLines().format(caplog.records[-1])
    assert "\n" not in line and json.loads(line)["clientLogId"] == "mine\nforged"


def test_fake_is_called_once_per_request(make_client: MakeClient, pdf: MakePdf) -> None:
    pipeline = FakePipeline()
    make_client(pipeline).infer(file=pdf(3), fileType=0)
    assert pipeline.calls == 1
