"""The parameters of `predict()`: one class from which its signature, the flags of `sealkit infer`, the fields of the
service and their documentation come.

The names are PaddleX's. A new parameter is a field here and a line in the signature of
`SealRecognitionPipeline.predict` (a test holds both together); command line and service have it from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

Kind = Literal["switch", "integer", "number", "word", "value"]
"""How a parameter is written in text: true or false, a whole number, a number, a word, or any of these, lists and
dicts."""


def _about(doc: str, kind: Kind, metavar: str = "", http: bool = True) -> dict[str, Any]:
    """What a field says of itself.

    Args:
        doc: one sentence: help of the command line, description of the service's field.
        kind: how it is written on a command line.
        metavar: what stands for the value in the help.
        http: the service takes it.
    """
    return {"doc": doc, "kind": kind, "metavar": metavar or "BOOL", "http": http}


@dataclass(frozen=True)
class OptionInfo:
    """One parameter as command line and service present it.

    Attributes:
        name: of the parameter.
        annotation: its type, without None.
        doc: what it does.
        kind: how it is written in text.
        metavar: what stands for its value in a help text.
        http: the service takes it.
    """

    name: str
    annotation: Any
    doc: str
    kind: Kind
    metavar: str
    http: bool

    @property
    def flag(self) -> str:
        """On a command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def camel(self) -> str:
        """In a request of the service."""
        first, *rest = self.name.split("_")
        return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True)
class PredictOptions:
    """Parameters of one call of `predict()`; None: as configured.

    For the detector's numbers 0 means "as configured" as well, as in PaddleX.
    """

    use_doc_orientation_classify: bool | None = field(
        default=None,
        metadata=_about("Turn pages upright.", "switch"),
    )
    use_doc_unwarping: bool | None = field(
        default=None,
        metadata=_about("Flatten pages.", "switch"),
    )
    use_layout_detection: bool | None = field(
        default=None, metadata=_about("Find seals with the layout model.", "switch")
    )
    layout_det_res: Mapping[str, Any] | list[Mapping[str, Any]] | None = field(
        default=None,
        metadata=_about(
            "Boxes found elsewhere, a layout result per image or one for all: seals are these boxes.",
            "value",
            "DICT",
            http=False,
        ),
    )
    layout_threshold: float | dict[Any, Any] | None = field(
        default=None,
        metadata=_about("Least score of a layout box: a number, or one per class, {class: number}.", "value", "P"),
    )
    layout_nms: bool | None = field(
        default=None,
        metadata=_about("Drop layout boxes that repeat others.", "switch"),
    )
    layout_unclip_ratio: float | tuple[float, float] | dict[Any, Any] | None = field(
        default=None,
        metadata=_about(
            "Enlarge layout boxes about their centres: a factor, (width, height), or one per class.", "value", "R"
        ),
    )
    layout_merge_bboxes_mode: str | dict[Any, Any] | None = field(
        default=None,
        metadata=_about(
            "Of layout boxes within each other keep the large, the small or all (union); or one per class.",
            "value",
            "MODE",
        ),
    )
    seal_det_limit_side_len: int | None = field(
        default=None,
        metadata=_about(
            "Size of the detector's input; seals are then detected at this size, not at the size of refined crops.",
            "integer",
            "N",
        ),
    )
    seal_det_limit_type: str | None = field(
        default=None, metadata=_about("What that size limits: min, max or resize_long.", "word", "TYPE")
    )
    seal_det_thresh: float | None = field(
        default=None, metadata=_about("Text pixels: probability above this.", "number", "P")
    )
    seal_det_box_thresh: float | None = field(
        default=None, metadata=_about("Texts: mean probability of at least this.", "number", "P")
    )
    seal_det_unclip_ratio: float | None = field(
        default=None, metadata=_about("How far outlines are expanded.", "number", "R")
    )
    seal_rec_score_thresh: float | None = field(
        default=None, metadata=_about("Texts read with at least this score are kept.", "number", "P")
    )

    @classmethod
    def infos(cls) -> Iterator[OptionInfo]:
        """Every parameter, in order."""
        hints = get_type_hints(cls)
        for one in fields(cls):
            kinds = tuple(kind for kind in get_args(hints[one.name]) if kind is not type(None))
            yield OptionInfo(one.name, kinds, **one.metadata)

    def given(self) -> dict[str, Any]:
        """The parameters that are not None."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) is not None}
