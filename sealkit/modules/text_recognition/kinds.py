"""Kinds of recognisers: how their output is trained and read. A literal table; a new kind is a row here.

Every kind's network returns {`output`: logits [N, steps, classes]} with the classes of the charset: class 0, the
characters, the space. What class 0 means is the kind's own: CTC's blank, the end of the text, no character.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealkit.errors import ConfigError, EngineError
from sealkit.modules.table import resolve
from sealkit.text import did_you_mean

if TYPE_CHECKING:
    from sealkit.modules.text_recognition.postprocess import RecResult
    from sealkit.runtime.files import ModelMeta


@dataclass(frozen=True)
class RecKind:
    """One kind. `decode`, `losses` and `steps_needed` are dotted names, imported when they are used.

    Attributes:
        name: of the row.
        post_process: `PostProcess.name` of inference.yml: how a folder says which decoder it needs.
        output: key of the network's outputs that is read; others only teach.
        decode: (probabilities (N, steps, classes), charset, where=) → list of RecResult; imports no paddle.
        losses: name, as `loss.name` of a recipe has it → (logits, batch with "label_ctc" (N, L) class numbers padded
            with 0 and "length" (N,)) → named terms. The first is the one that recipes use where they name none.
        steps_needed: class numbers of a text → fewest steps it can be written in.
        rows: ending of the state_dict names that have a row for each class → axis of the rows; they follow their
            characters into another charset.
        steps: of the output, where their number is the same for every width (a decoder that writes character by
            character); longer texts are left out of training, and counted. None: width / 8.
    """

    name: str
    post_process: str
    output: str
    decode: str
    losses: Mapping[str, str]
    steps_needed: str
    rows: Mapping[str, int]
    steps: int | None = None

    def decoder(self) -> Callable[..., list[RecResult]]:
        """The function `decode` names."""
        found: Callable[..., list[RecResult]] = resolve(self.decode)
        return found

    def check_loss(self, name: str | None) -> None:
        """Refuse the name of a loss that the kind does not have; None is its first.

        Raises:
            ConfigError: there is none of this name.
        """
        if name is not None and name not in self.losses:
            hint = did_you_mean(name, self.losses, also=f"losses: {', '.join(self.losses)}")
            raise ConfigError(f"models of kind {self.name} have no such loss", where="loss.name", value=name, hint=hint)

    def loss(self, name: str | None = None) -> Callable[[Any, Mapping[str, Any]], dict[str, Any]]:
        """The function of one of `losses`, None: the first.

        Raises:
            ConfigError: see `check_loss`.
        """
        self.check_loss(name)
        found: Callable[[Any, Mapping[str, Any]], dict[str, Any]] = resolve(
            self.losses[name or next(iter(self.losses))]
        )
        return found

    def fewest_steps(self, numbers: Sequence[int]) -> int:
        """The function `steps_needed` names, called."""
        return int(resolve(self.steps_needed)(numbers))


KINDS: dict[str, RecKind] = {
    "ctc": RecKind(
        name="ctc",
        post_process="CTCLabelDecode",
        output="ctc",
        decode="sealkit.modules.text_recognition.postprocess.ctc_decode",
        losses={"ctc": "sealkit.modules.text_recognition.loss.ctc_terms"},
        steps_needed="sealkit.modules.text_recognition.labels.steps_needed",
        rows={"ctc_head.fc.weight": 1, "ctc_head.fc.bias": 0, "ctc_head.fc2.weight": 1, "ctc_head.fc2.bias": 0},
    ),
}
"""Name → kind; `Architecture.kind` says which one a network is."""


def kind_of(meta: ModelMeta) -> RecKind:
    """The kind a model folder says it is; CTC where a bare ONNX file says nothing.

    Raises:
        EngineError: a decoder that is not known.
    """
    name = meta.post_process.get("name")
    known = {kind.post_process: kind for kind in KINDS.values()}
    if name is None:
        return KINDS["ctc"]
    if name not in known:
        raise EngineError(
            "no decoder of this name",
            where=f"{meta.where}: PostProcess.name",
            value=name,
            hint=f"recognisers have one of {', '.join(known)}; check which model_dir belongs to which module",
        )
    return known[name]
