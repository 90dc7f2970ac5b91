"""Encodes the text of a line as training labels of the heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sealkit.charset import Charset, nrtr_codes, sar_codes, sar_padding
from sealkit.modules.text_recognition.kinds import KINDS, RecKind

AUXILIARY_MARKS = 2  # start and end


def steps_needed(numbers: Sequence[int]) -> int:
    """Fewest steps in which CTC can write class numbers: one each, and a blank between equal neighbours.

    A label that needs more steps than the network makes has no loss and teaches nothing: count such samples.
    """
    return len(numbers) + sum(a == b for a, b in pairwise(numbers))


@dataclass(frozen=True)
class LineLabels:
    """Encodes texts, all to one length.

    Attributes:
        charset: classes of the network.
        auxiliary_head: `nrtr`, `sar` or None, as `RecNet.auxiliary_head` says.
        max_length: places of a label. An auxiliary head's start and end take two of them, so that with one a text may
            have max_length - 2 characters.
        kind: of the recogniser; it knows how many steps a text needs.
    """

    charset: Charset
    auxiliary_head: str | None = None
    max_length: int = 25
    kind: RecKind = KINDS["ctc"]

    @property
    def longest(self) -> int:
        """Most characters a text may have."""
        return self.max_length if self.auxiliary_head is None else self.max_length - AUXILIARY_MARKS

    def encode(self, text: str) -> dict[str, np.ndarray | int] | str:
        """Labels of a text, or the reason why it cannot be trained on.

        Characters without a class are left out, as in the published training; `Charset.unknown` tells which.

        Returns:
            "label_ctc" (max_length,) int64 class numbers padded with 0, "length", and for an auxiliary head
            "label_nrtr" (padded with 0) or "label_sar" (padded with its own padding); or a sentence.
        """
        numbers = self.charset.encode_known(text)
        if not numbers:
            return "no character of the text is in the charset" if text else "the text is empty"
        if len(text) > self.max_length or len(numbers) > self.longest:
            return f"{len(text)} characters, more than {self.longest}"
        made: dict[str, np.ndarray | int] = {"label_ctc": self._pad(numbers, 0), "length": len(numbers)}
        if self.auxiliary_head == "nrtr":
            made["label_nrtr"] = self._pad(nrtr_codes(numbers), 0)
        elif self.auxiliary_head == "sar":
            classes = self.charset.num_classes
            made["label_sar"] = self._pad(sar_codes(numbers, classes), sar_padding(classes))
        return made

    def _pad(self, codes: list[int], value: int) -> np.ndarray:
        return np.array(codes + [value] * (self.max_length - len(codes)), np.int64)
