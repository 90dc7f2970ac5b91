"""The parameters of `predict()`: one class from which its signature, the flags of `sealkit infer`, the fields of the
service and their documentation come.

The names are PaddleX's. A new parameter is a field here and a line in the signature of
`SealRecognitionPipeline.predict` (a test holds both together); command line and service have it from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_type_hints

Kind = Literal["switch", "integer", "number", "word", "value"]
"""How a parameter is written in text: true or false, a whole number, a number, a word, or any of these, lists and
dicts."""


def _about(doc: str, kind: Kind, metavar: str = "BOOL", wire: Any = None, in_text: bool = True) -> dict[str, Any]:
    """What a field says of itself.

    Args:
        doc: one sentence: help of the command line, description of the service's field.
        kind: how it is written on a command line.
        metavar: what stands for the value in a help text.
        wire: type in a request of the service where PaddleX's takes less than the field.
        in_text: command line and service take it; else Python programs alone.
    """
    return {"doc": doc, "kind": kind, "metavar": metavar, "wire": wire, "in_text": in_text}


@dataclass(frozen=True)
class OptionInfo:
    """One parameter as command line and service present it.

    Attributes:
        name: of the parameter.
        annotation: its type.
        wire: its type in a request of the service.
        doc: what it does.
        kind: how it is written in text.
        metavar: what stands for its value in a help text.
        in_text: command line and service take it.
    """

    name: str
    annotation: Any
    wire: Any
    doc: str
    kind: Kind
    metavar: str
    in_text: bool

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
            in_text=False,
        ),
    )
    layout_threshold: float | dict[Any, Any] | None = field(
        default=None,
        metadata=_about("Minimum score of a layout box: a number, or one per class, {class: number}.", "value", "P"),
    )
    layout_nms: bool | None = field(
        default=None,
        metadata=_about("Drop layout boxes that repeat others.", "switch"),
    )
    layout_unclip_ratio: float | tuple[float, float] | dict[Any, Any] | None = field(
        default=None,
        metadata=_about(
            "Enlarge layout boxes about their centres: a factor, (width, height), or one per class.",
            "value",
            "R",
            wire=float | tuple[float, float] | None,
        ),
    )
    layout_merge_bboxes_mode: str | dict[Any, Any] | None = field(
        default=None,
        metadata=_about(
            "Of nested layout boxes keep the large, the small or all (union); or one per class.",
            "value",
            "MODE",
            wire=str | None,
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
        default=None, metadata=_about("Probability threshold of text pixels.", "number", "P")
    )
    seal_det_box_thresh: float | None = field(
        default=None, metadata=_about("Minimum mean probability of a text.", "number", "P")
    )
    seal_det_unclip_ratio: float | None = field(
        default=None, metadata=_about("How far outlines are expanded.", "number", "R")
    )
    seal_rec_score_thresh: float | None = field(
        default=None, metadata=_about("Minimum recognition score of a text that is kept.", "number", "P")
    )

    @classmethod
    def infos(cls) -> Iterator[OptionInfo]:
        """Every parameter, in order."""
        hints = get_type_hints(cls)
        for one in fields(cls):
            about = dict(one.metadata)
            wire = about.pop("wire") or hints[one.name]
            yield OptionInfo(one.name, hints[one.name], wire, **about)

    @classmethod
    def in_text(cls) -> list[OptionInfo]:
        """The parameters that command line and service take."""
        return [one for one in cls.infos() if one.in_text]

    def given(self) -> dict[str, Any]:
        """The parameters that are not None."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) is not None}
