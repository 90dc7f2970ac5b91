"""Errors shown to users: SealkitError and its subclasses, and Problem for findings of checks.

Every message answers four questions: what happened, where (file:line, key, tensor), with which value, and what to do
next. The command line prints `str(error)` without a traceback and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Problem:
    """One finding about settings or data; a check gathers all of them before it refuses.

    Attributes:
        code: short stable name such as "bad-json"; reports group by it and tests compare it.
        where: "labels.txt:17", "recipe.yaml:12", "-o key=value", or the path of an image or a file.
        message: what is wrong, with the offending value where `value` does not hold it.
        hint: what to do about it.
        severity: "error": the line, text, image or setting is not used; "warning": it is used, perhaps with a repair;
            "info": worth knowing, nothing to repair.
        value: the offending value as it would be written.
        key: dotted settings key the finding is about; "" where it is about data.
    """

    code: str
    where: str
    message: str
    hint: str | None = None
    severity: Severity = "error"
    value: str | None = None
    key: str = ""

    def __str__(self) -> str:
        """As a check of data prints it, with severity and code."""
        return f"{self.where}: {self.severity}: {self.message} [{self.code}]\n  fix: {self.hint}"

    def as_setting(self) -> str:
        """As the finding of a settings file is printed, in a numbered list."""
        head = f"{self.where}: " if self.where else ""
        head += f"{self.key}: {self.message}" if self.key else self.message
        if self.value is not None:
            head += f" (got {self.value})"
        return f"{head}\n     next: {self.hint}" if self.hint else head

    def to_dict(self) -> dict[str, str]:
        """For the JSON verdict of a check; `value` and `key` where they are set."""
        return {name: value for name, value in asdict(self).items() if value}


def summarise(problems: Iterable[Problem], limit: int = 5) -> str:
    """The first `limit` problems as text, and how many more there are; "" where there are none."""
    listed = list(problems)
    lines = [str(problem) for problem in listed[:limit]]
    if len(listed) > limit:
        lines.append(f"… and {len(listed) - limit} more")
    return "\n".join(lines)


_LIMIT = 200


def short_repr(value: object, limit: int = _LIMIT) -> str:
    """`repr(value)`, cut at `limit` characters; no more than those are made, whatever the size of the value."""
    text = "".join(_pieces(value, limit + 1))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _pieces(value: Any, left: int) -> list[str]:
    """Parts of repr(value) of at least `left` characters in all, or the whole."""
    if type(value) in (str, bytes):
        return [repr(value[:left])]
    if type(value) is int and value.bit_length() > 3 * _LIMIT:  # Python refuses to write out 4,300 digits and more
        return [f"a whole number of about {int(value.bit_length() * 0.30103) + 1} digits"]
    if type(value) not in _BRACKETS:
        return [repr(value)]
    if not value:
        return [repr(value)]
    opening, closing = _BRACKETS[type(value)]
    parts = [opening]
    left -= 1
    for number, item in enumerate(value.items() if type(value) is dict else value):
        if left <= 0:
            return parts
        new = [", "] if number else []
        if type(value) is dict:
            new += [*_pieces(item[0], left), ": "]
            new += _pieces(item[1], max(left - sum(map(len, new)), 1))
        else:
            new += _pieces(item, left)
        left -= sum(map(len, new))
        parts += new
    return [*parts, ",)" if type(value) is tuple and len(value) == 1 else closing]


_BRACKETS: dict[Any, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}"), set: ("{", "}")}


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
            head += f" (got {short_repr(self.value)})"
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
    """A device that does not exist or cannot be used."""
