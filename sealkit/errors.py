"""The errors a user can meet.

Every message answers four questions: what happened, where (file:line, key, tensor), with which value, and what to do
next. The command line prints `str(error)` without a traceback and exits with `exit_code`.
"""

from __future__ import annotations


class SealkitError(Exception):
    """Base of all errors that are the user's to solve.

    Args:
        what: one sentence: what happened.
        where: file:line, settings key, tensor name or command the message is about.
        value: the offending value, shown with repr() and shortened.
        hint: what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, value: object = None, hint: str | None = None) -> None:
        self.what, self.where, self.value, self.hint = what, where, value, hint
        super().__init__(self._message())

    def _message(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        if self.value is not None:
            shown = repr(self.value)
            head += f" (got {shown if len(shown) <= 200 else shown[:197] + '...'})"
        return f"{head}\n  next: {self.hint}" if self.hint else head


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its type's name where it says nothing (Ctrl-C, MemoryError)."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)


class ConfigError(SealkitError):
    """A recipe, a pipeline config or a command line that cannot be used."""

    exit_code = 2


class DataError(SealkitError):
    """A dataset or a label file that cannot be used."""

    exit_code = 3


class ImageError(DataError):
    """An image that cannot be decoded or is over a limit."""


class CharsetError(DataError):
    """A character set that is malformed, or does not belong to the weights."""


class WeightsError(SealkitError):
    """Weights that are missing, unsafe, or do not fit the network."""

    exit_code = 4


class TrainingError(SealkitError):
    """A run that had to stop: non-finite loss, dead rank, refused output folder."""

    exit_code = 5


class ExportError(SealkitError):
    """An export that failed or did not prove parity."""

    exit_code = 6


class EngineError(SealkitError):
    """An inference engine or model folder that cannot be used."""

    exit_code = 7


class DeviceError(EngineError):
    """A device that is not there."""
