"""Parameters of one predict() call laid over the pipeline's config (pipeline-specification §2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.seal_text_detection.predictor import override
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings, DetResizeSettings
from sealkit.pipeline.settings import SealRecognitionSettings

INVALID = "the input params for model settings are invalid!"
"""What PaddleX answers to stages that are asked for but not there."""

LAYOUT_OPTIONS = {
    "layout_threshold": "threshold",
    "layout_nms": "layout_nms",
    "layout_unclip_ratio": "layout_unclip_ratio",
    "layout_merge_bboxes_mode": "layout_merge_bboxes_mode",
}
"""Parameter of predict() → option of the layout model and key of its section."""


@dataclass(frozen=True)
class CallSettings:
    """Settings of one predict() call.

    Attributes:
        resize, post: of the text detector.
        score_thresh: texts with at least this score are kept.
        det_params: `text_det_params` of the result.
        orientation, unwarping: steps of the document preprocessor that run.
        preprocess: the document preprocessor runs (perhaps with neither step, as in PaddleX).
        layout: a layout model runs.
        layout_options: its options.
        own_size: the call named the detector's input size.
    """

    resize: DetResizeSettings
    post: DetPostprocessSettings
    score_thresh: float
    det_params: dict[str, Any]
    orientation: bool = False
    unwarping: bool = False
    preprocess: bool = False
    layout: bool = False
    layout_options: dict[str, Any] = field(default_factory=dict)
    own_size: bool = False


def resolve(
    settings: SealRecognitionSettings,
    resize: DetResizeSettings,
    post: DetPostprocessSettings,
    given: Mapping[str, Any],
) -> CallSettings:
    """The settings of a call.

    Args:
        settings: the pipeline's.
        resize, post: the detector's, as created.
        given: the parameters of predict(); None means "as configured". 0 means that too for the numbers of the
            detector, as in PaddleX.

    Raises:
        ConfigError: a parameter of the wrong kind.
    """
    asked = {
        "limit_side_len": given["seal_det_limit_side_len"],
        "limit_type": given["seal_det_limit_type"],
        "thresh": given["seal_det_thresh"],
        "box_thresh": given["seal_det_box_thresh"],
        "unclip_ratio": given["seal_det_unclip_ratio"],
    }
    changes = {name: value for name, value in asked.items() if value}
    resize = _checked(resize, changes)
    post = _checked(post, changes)
    params = {
        "limit_side_len": resize.limit_side_len,
        "limit_type": resize.limit_type,
        "thresh": post.thresh,
        "max_side_limit": settings.ocr.TextDetection.largest_side,
        "box_thresh": post.box_thresh,
        "unclip_ratio": post.unclip_ratio,
    }
    if settings.reading == "reference":  # shows what was asked for, even where 0 stands for the configured value
        params |= {name: value for name, value in asked.items() if value is not None}
    score = given["seal_rec_score_thresh"]
    orientation, unwarping, preprocess = _preprocessing(
        settings, given["use_doc_orientation_classify"], given["use_doc_unwarping"]
    )
    wanted = given["use_layout_detection"]
    return CallSettings(
        resize,
        post,
        settings.ocr.TextRecognition.score_thresh if score is None else score,
        params,
        orientation,
        unwarping,
        preprocess,
        settings.use_layout_detection if wanted is None else bool(wanted),
        _layout_options(settings, given),
        own_size=bool(asked["limit_side_len"] or asked["limit_type"]),
    )


def _checked(settings: Any, changes: dict[str, Any]) -> Any:
    """Settings with changes laid over; a wrong value is named by its parameter."""
    from pydantic import ValidationError

    try:
        return override(settings, changes)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in detail["loc"])
        raise ConfigError(detail["msg"], where=f"seal_det_{name}", value=detail.get("input")) from error


def _preprocessing(
    settings: SealRecognitionSettings, orientation: bool | None, unwarping: bool | None
) -> tuple[bool, bool, bool]:
    """Which steps run, and whether the preprocessor does. As in PaddleX one False alone switches both off."""
    section = settings.SubPipelines.DocPreprocessor
    if orientation is None and unwarping is None:
        runs = settings.use_doc_preprocessor
    else:
        runs = bool(orientation or unwarping)
    if not runs or section is None:
        return bool(orientation), bool(unwarping), runs
    return (
        section.use_doc_orientation_classify if orientation is None else bool(orientation),
        section.use_doc_unwarping if unwarping is None else bool(unwarping),
        True,
    )


def _layout_options(settings: SealRecognitionSettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options for the layout model; what is None there is what the model was created with."""
    options = {option: given[name] for name, option in LAYOUT_OPTIONS.items() if given[name] is not None}
    if settings.reading == "reference" and options.get("layout_nms") is False:
        del options["layout_nms"]  # PaddleX joins it to the configured value with "or"
    if not options.get("layout_unclip_ratio", True):
        del options["layout_unclip_ratio"]  # 0.0 means "as configured"
    return options


def missing_stages(call: CallSettings, given: Mapping[str, Any], has: Mapping[str, bool]) -> str | None:
    """The first parameter that asks for a stage the pipeline was built without, None where all is there.

    Args:
        has: `layout`, `orientation`, `unwarping`: what was built.
    """
    if call.preprocess:
        if call.orientation and not has["orientation"]:
            return "use_doc_orientation_classify"
        if call.unwarping and not has["unwarping"]:
            return "use_doc_unwarping"
    if call.layout and not has["layout"]:
        return "use_layout_detection"
    if not has["layout"]:
        return next((name for name in LAYOUT_OPTIONS if given[name] not in (None, False)), None)
    return None


def layouts_of(given: Any) -> Iterator[dict[str, Any]] | None:
    """Layout results for the images in order: one dict serves all, a list one each.

    Raises:
        ConfigError: neither; and on the way when the list is too short.
    """
    if given is None:
        return None
    if isinstance(given, Mapping):
        return iter(lambda: dict(given), None)
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ConfigError(
            "must be a layout result or a list of them", where="layout_det_res", value=type(given).__name__
        )

    def each() -> Iterator[dict[str, Any]]:
        for one in given:
            yield dict(one)
        raise ConfigError("there are fewer layout results than images", where="layout_det_res", value=len(given))

    return each()


def refuse_old_inputs(input: Any) -> None:
    """The beta's `predict({"img": path})`.

    Raises:
        ConfigError: with the form of today.
    """
    for element in input if isinstance(input, (list, tuple)) else (input,):
        if isinstance(element, Mapping):
            inner = next((element[key] for key in ("img", "input", "image") if key in element), "image.png")
            shown = inner if isinstance(inner, str) else "array"
            raise ConfigError(
                "an input is no dict any more",
                where="predict",
                value={key: type(value).__name__ for key, value in element.items()},
                hint=f"give the image itself: predict({shown!r})",
            )
