"""Request and answers of `POST /seal-recognition`: PaddleX's fields (docs/serving.md).

What a value may be is left to pydantic's lax rules, as in PaddleX: "true" is a bool, 736.0 an integer. Beyond PaddleX,
numbers must be finite and integers must fit 32 bits.
"""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model

from sealkit.pipeline.options import PredictOptions

Number = Annotated[float, Field(allow_inf_nan=False)]
Integer = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]

PARAMETERS = {option.camel: option.name for option in PredictOptions.in_text()}
"""Field of the request → parameter of predict()."""


def _bounded(annotation: Any) -> Any:
    """A parameter's type with numbers that are finite and integers that fit 32 bits."""
    plain: dict[Any, Any] = {float: Number, int: Integer, tuple[float, float]: tuple[Number, Number]}
    kinds = [plain.get(kind, kind) for kind in get_args(annotation)]
    return Union[tuple(kinds)]  # noqa: UP007 (made at run time)


_FIELDS = {one.camel: (_bounded(one.wire), Field(None, description=one.doc)) for one in PredictOptions.in_text()}
_Parameters: Any = create_model("_Parameters", **_FIELDS)  # type: ignore[call-overload]


def _with_example(schema: dict[str, Any]) -> None:
    """A request that can be sent as it stands: the documents page fills it in for who tries the service."""
    image = (files("sealkit") / "assets" / "example_seal.png").read_bytes()
    schema["examples"] = [{"file": base64.b64encode(image).decode("ascii"), "fileType": 1, "visualize": False}]


class InferRequest(_Parameters):  # type: ignore[misc]  # made of PredictOptions
    """Unknown fields are ignored."""

    model_config = ConfigDict(use_attribute_docstrings=True, json_schema_extra=_with_example)

    file: str
    """Base64 or a data URL of an image, TIFF or PDF; or an http(s) URL, where the server allows its host."""
    fileType: Literal[0, 1] | None = None
    """0: PDF, 1: image, TIFF included. null: by the ending of a URL, else by the content."""
    visualize: bool | None = None
    """Images in the answer; null: as the server's config says."""
    logId: Any = None
    """Returned in error answers; a success has an id of its own."""

    def parameters(self) -> dict[str, Any]:
        """What was given of predict()'s parameters, by its names."""
        given = {name: getattr(self, field) for field, name in PARAMETERS.items()}
        return {name: value for name, value in given.items() if value is not None}


def infer_body() -> dict[str, Any]:
    """OpenAPI: what a request may hold, as JSON or as a form; the service parses it itself, within bounds."""
    reference = {"$ref": "#/components/schemas/InferRequest"}
    form = {"allOf": [reference], "properties": {"file": {"type": "string", "format": "binary"}}}
    content = {"application/json": {"schema": reference}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def with_request(schema: dict[str, Any]) -> dict[str, Any]:
    """The routes' OpenAPI document with the request's schema, which no route declares, and the tokens'."""
    components = schema.setdefault("components", {})
    request = InferRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    components.setdefault("schemas", {})["InferRequest"] = request
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return schema


class SealRecResult(BaseModel):
    """One image or page."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    prunedResult: dict[str, Any]
    """The JSON result of predict() without input_path and page_index."""
    outputImages: dict[str, str] | None = None
    """Base64 JPEGs by name: layout_det_res, preprocessed_img, seal_res_region1, …; absent where not asked for."""
    inputImage: str | None = None
    """Base64 JPEG of the image as it was decoded."""


class PageInfo(BaseModel):
    """Size of a page in pixels."""

    width: int
    height: int


class ImageData(PageInfo):
    """Size of the image."""

    type: Literal["image"] = "image"


class PagedData(BaseModel):
    """Pages of a PDF or TIFF."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    numPages: int
    """Pages that were read, which may be fewer than the file has."""
    pages: list[PageInfo]
    type: Literal["pdf", "tiff"]


class InferResult(BaseModel):
    """Results per page, and the data they belong to."""

    sealRecResults: list[SealRecResult]
    dataInfo: ImageData | PagedData


class InferResponse(BaseModel):
    """Answer of a successful request."""

    logId: str
    result: InferResult
    errorCode: Literal[0] = 0
    errorMsg: Literal["Success"] = "Success"


class HealthResponse(BaseModel):
    """Answer of GET /health."""

    logId: str
    errorCode: Literal[0] = 0
    errorMsg: Literal["Healthy"] = "Healthy"


class ErrorResponse(BaseModel):
    """Answer of a failed request."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    logId: str
    errorCode: int
    """The HTTP status."""
    errorMsg: str
