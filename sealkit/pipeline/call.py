"""Parameters of one predict() call laid over the pipeline's config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.seal_text_detection.spec import DetectorSpec
from sealkit.pipeline.options import PredictOptions
from sealkit.pipeline.settings import SealRecognitionSettings

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
        detector: numbers of the text detector.
        score_thresh: texts with at least this score are kept.
        asked: the detector's numbers the call named, by their own names; None where it did not.
        det_params: `text_det_params` of the result.
        orientation, unwarping: steps of the document preprocessor that run.
        preprocess: the document preprocessor runs (perhaps with neither step, as in PaddleX).
        layout: a layout model runs.
        layout_options: its options.
        own_size: the call named the detector's input size.
    """

    detector: DetectorSpec
    score_thresh: float
    asked: dict[str, Any]
    det_params: dict[str, Any]
    orientation: bool = False
    unwarping: bool = False
    preprocess: bool = False
    layout: bool = False
    layout_options: dict[str, Any] = field(default_factory=dict)
    own_size: bool = False


def resolve(settings: SealRecognitionSettings, detector: DetectorSpec, given: PredictOptions) -> CallSettings:
    """The settings of a call.

    Args:
        settings: the pipeline's.
        detector: as created.
        given: the parameters of predict().

    Raises:
        ConfigError: a parameter of the wrong kind.
    """
    asked = {
        "limit_side_len": given.seal_det_limit_side_len,
        "limit_type": given.seal_det_limit_type,
        "thresh": given.seal_det_thresh,
        "box_thresh": given.seal_det_box_thresh,
        "unclip_ratio": given.seal_det_unclip_ratio,
    }
    spec = _changed(detector, {name: value for name, value in asked.items() if value})
    score, wanted = given.seal_rec_score_thresh, given.use_layout_detection
    orientation, unwarping, preprocess = _preprocessing(settings, given)
    return CallSettings(
        spec,
        settings.ocr.TextRecognition.score_thresh if score is None else score,
        asked,
        {
            "limit_side_len": spec.resize.limit_side_len,
            "limit_type": spec.resize.limit_type,
            "thresh": spec.postprocess.thresh,
            "max_side_limit": spec.resize.max_side_limit,
            "box_thresh": spec.postprocess.box_thresh,
            "unclip_ratio": spec.postprocess.unclip_ratio,
        },
        orientation,
        unwarping,
        preprocess,
        settings.use_layout_detection if wanted is None else bool(wanted),
        _layout_options(given),
        own_size=bool(asked["limit_side_len"] or asked["limit_type"]),
    )


def _changed(spec: DetectorSpec, changes: dict[str, Any]) -> DetectorSpec:
    """A detector's numbers with changes laid over; a wrong value is named by its parameter."""
    from pydantic import ValidationError

    try:
        return spec.changed(changes)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in detail["loc"])
        raise ConfigError(detail["msg"], where=f"seal_det_{name}", value=detail.get("input")) from error


def _preprocessing(settings: SealRecognitionSettings, given: PredictOptions) -> tuple[bool, bool, bool]:
    """Which steps run, and whether the preprocessor does. As in PaddleX one False alone switches both off."""
    orientation, unwarping = given.use_doc_orientation_classify, given.use_doc_unwarping
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


def _layout_options(given: PredictOptions) -> dict[str, Any]:
    """Options for the layout model; what is None there is what the model was created with."""
    asked = given.given()
    options = {option: asked[name] for name, option in LAYOUT_OPTIONS.items() if name in asked}
    if not options.get("layout_unclip_ratio", True):
        del options["layout_unclip_ratio"]  # 0.0 means "as configured"
    return options


def refuse_missing_stages(call: CallSettings, given: PredictOptions, has: Mapping[str, bool]) -> None:
    """Refuse parameters of stages that are not there.

    Args:
        has: `layout`, `orientation`, `unwarping`: what was built.

    Raises:
        ConfigError: the first such parameter; or boxes that are given and to be found as well.
    """
    name = _missing_stage(call, given, has)
    if name is not None:
        stage = "a layout model" if "layout" in name else "the document preprocessor"
        raise ConfigError(
            f"this pipeline was built without {stage}",
            where=name,
            value=given.given().get(name),
            hint="omit the parameter, or create the pipeline from a config with that stage",
        )
    if call.layout and given.layout_det_res is not None:
        raise ConfigError(
            "boxes are given, but layout detection is on as well",
            where="layout_det_res",
            hint="with layout_det_res also pass use_layout_detection=False",
        )


def _missing_stage(call: CallSettings, given: PredictOptions, has: Mapping[str, bool]) -> str | None:
    """The first parameter that asks for a stage the pipeline was built without, None where all is there."""
    if call.preprocess:
        steps = (
            ("use_doc_orientation_classify", call.orientation and not has["orientation"]),
            ("use_doc_unwarping", call.unwarping and not has["unwarping"]),
        )
        lacking = [name for name, missing in steps if missing]
        if lacking:  # the one that was asked for, not one that its being on brings along
            return next((name for name in lacking if getattr(given, name)), _asked_step(given) or lacking[0])
    if call.layout and not has["layout"]:
        return "use_layout_detection"
    if not has["layout"]:
        asked = given.given()
        return next((name for name in LAYOUT_OPTIONS if asked.get(name) not in (None, False)), None)
    return None


def _asked_step(given: PredictOptions) -> str | None:
    """The parameter of the document preprocessor that the call gave as true."""
    names = ("use_doc_orientation_classify", "use_doc_unwarping")
    return next((name for name in names if getattr(given, name)), None)


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
                "an input is an image, not a dict",
                where="predict",
                value={key: type(value).__name__ for key, value in element.items()},
                hint=f"give the image itself: predict({shown!r})",
            )


def fetch_any(url: str) -> bytes:
    """Content of a URL the user allowed: whatever the user can reach, the own network included."""
    from sealkit.images.fetch import fetch_url  # the modules of the network: many, and seldom needed

    return fetch_url(url, allow_private=True)
