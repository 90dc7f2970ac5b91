"""YAML text → plain values, with the line every key stands on. The one reader of YAML in sealkit.

Numbers and booleans of recipes follow YAML 1.2: `1e-4` is a number, `off` and `yes` are text, booleans are `true` and
`false`. (YAML 1.1 turns `amp: off` into `false` and `lr: 1e-4` into text, both without a word.) `inference.yml`, which
PaddleX reads by the rules of 1.1, is read by them here as well.

Only PyYAML's parser is used, event by event. Nodes are counted as they would be once every alias is copied out, so a
file of nested aliases is refused before anything is copied; values are made by the few functions below.

`ruamel.yaml` 0.19 knows YAML 1.2 and line marks too, but takes 4.2 ms for a recipe in place of 0.34 and counts no
aliases; the bounds would stay ours. It also reads `1_000` as a
number, which is text by YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.resolver import BaseResolver, Resolver

from sealkit.errors import ConfigError, first_line

KeyPath = tuple[str | int, ...]
_MAX_DEPTH = 40  # a recipe is 5 deep
MAX_NODES = 200_000
"""After aliases are copied out; an inference.yml of 18,700 characters has 18,800."""
MAX_BYTES = 2 << 20
"""The same inference.yml has 170 kB; libyaml takes up to 2 s for 2 MB."""
_SMALL = 64 << 10  # characters that PyYAML's own parser reads in 0.4 s at most
_TEXT_PER_NODE = 100  # characters of a value that count as one more node
_MAX_NUMBER = 400  # characters; a float of 1e308 written out has 309


@dataclass(frozen=True)
class Mark:
    """A place in a file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Document:
    """A parsed file: `tree` of dicts, lists and scalars; `marks` says where each key or list item stands."""

    file: str
    tree: dict[str, Any]
    marks: dict[KeyPath, Mark] = field(default_factory=dict)


class _Rules12(BaseResolver):
    """Which plain scalars are no text: YAML 1.2's core schema."""


_Rules12.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Rules12.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Rules12.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Rules12.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$"
    ),
    list("-+.0123456789"),
)
_Rules12.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
_FAST = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""libyaml's parser, ten times as fast. Short recipes with a fault are read again by PyYAML's: its messages say more."""
_NUMBERS_11 = yaml.constructor.SafeConstructor()  # type: ignore[no-untyped-call]


def _scalar(kind: str, text: str, old: bool) -> Any:
    """The value of a scalar that is no text.

    Raises:
        ValueError, KeyError, IndexError: it is none of that kind.
    """
    if kind == "null":
        return None
    if kind == "bool":
        return {"true": True, "false": False, **(_YES_NO if old else {})}[text.lower()]
    if len(text) > _MAX_NUMBER:
        raise ValueError(f"a number of {len(text)} characters")
    node = yaml.ScalarNode(f"tag:yaml.org,2002:{kind}", text)
    if kind == "int":  # YAML 1.1 reads 010 as eight
        return _NUMBERS_11.construct_yaml_int(node) if old else int(text, 10)  # type: ignore[no-untyped-call]
    return _NUMBERS_11.construct_yaml_float(node)  # type: ignore[no-untyped-call]


_YES_NO = {"yes": True, "no": False, "on": True, "off": False}


@dataclass(slots=True)
class _Node:
    """A value before aliases are copied out.

    Attributes:
        value: of a scalar; [item, …]; or [[key, value], …] of a mapping.
        merge: the scalar is the key `<<`.
        size, height: of the whole tree below, aliases copied out.
    """

    kind: str
    line: int
    value: Any
    merge: bool = False
    size: int = 1
    height: int = 0
    closed: bool = True
    key: _Node | None = None


def read_text(path: str | Path) -> str:
    """The text of a YAML file.

    Raises:
        ConfigError: unreadable, not UTF-8, over `MAX_BYTES`.
    """
    try:
        with open(path, "rb") as file:  # what is read may be a pipe: its size is not known
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror or first_line(error)}",
            where=str(path),
            hint="check the path and its permissions",
        ) from error
    if len(data) > MAX_BYTES:
        raise _too_long(str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError("the file is not UTF-8 text", where=f"{path}:{line}", hint="save it as UTF-8") from error


def read_yaml(path: str | Path) -> Document:
    """Read a file of one YAML mapping.

    Raises:
        ConfigError: unreadable, not UTF-8, not YAML, not a mapping, a key given twice, too large or too deep.
    """
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, file: str) -> Document:
    """As `read_yaml`, for text; `file` is the name messages use."""
    node = _compose(text, file, old=False)
    if node is None:
        raise ConfigError("the file is empty", where=file, hint="start from a recipe of `sealkit models`")
    if node.kind != "mapping":
        raise ConfigError(
            "a settings file is a list of `key: value` lines", where=f"{file}:1", hint="see any file of recipes/"
        )
    document = Document(file, {})
    document.tree = _Builder(file, document.marks).value(node, ())
    return document


def parse_value(text: str) -> Any:
    """One value as it would stand after `key:` in a file.

    Raises:
        ConfigError: not valid YAML.
    """
    try:
        node = _compose(text, "", old=False)
        return None if node is None else _Builder("", None).value(node, ())
    except ConfigError as error:
        problem = error.what.removeprefix("not valid YAML: ")
        raise ConfigError(
            f"the value is not valid YAML: {problem}", value=text, hint="quote it: -o 'key=\"text\"'"
        ) from error


def parse_inference_yml(text: str, file: str) -> Any:
    """The value of an `inference.yml`, by the rules of YAML 1.1, with the fastest parser; None where it is empty.

    Raises:
        ConfigError: as `parse_yaml`.
    """
    node = _compose(text, file, old=True)
    return None if node is None else _Builder(file, None).value(node, ())


def _compose(text: str, file: str, old: bool) -> _Node | None:
    """The one document of a text; None where it is empty."""
    if len(text) > MAX_BYTES:
        raise _too_long(file)
    try:
        try:
            return _Composer(file, old).run(_events(text, _FAST))
        except yaml.YAMLError:
            if old or len(text) > _SMALL:
                raise
            return _Composer(file, old).run(_events(text, yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except (yaml.YAMLError, UnicodeError) as error:
        # A reader's error about one character, which knows its position but no line
        position = getattr(error, "position", None)
        line = f":{text.count(chr(10), 0, position) + 1}" if isinstance(position, int) and file else ""
        problem = getattr(error, "reason", None) or "a character that YAML does not allow"
        raise ConfigError(
            f"not valid YAML: {problem}", where=f"{file}{line}" or None, hint="check for stray control characters"
        ) from error


def _events(text: str, parser: Any) -> Iterator[Any]:
    loader = parser(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _too_long(file: str) -> ConfigError:
    return ConfigError(f"more than {MAX_BYTES >> 20} MiB of YAML", where=file or None, hint="is it the right file?")


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}" if mark else file
    problem = (error.problem or "syntax error")[:200]
    hint = "indent with spaces, not tabs" if "\\t" in problem else "check indentation, quotes and the space after ':'"
    return ConfigError(f"not valid YAML: {problem}", where=where, hint=hint)


class _Composer:
    """Events → nodes, counted."""

    def __init__(self, file: str, old: bool) -> None:
        self.file, self.old = file, old
        self.rules = Resolver() if old else _Rules12()  # type: ignore[no-untyped-call]
        self.open: list[_Node] = []
        self.anchors: dict[str, _Node] = {}
        self.root: _Node | None = None

    def run(self, events: Iterator[Any]) -> _Node | None:
        """The root; the whole text is parsed, but never deeper or larger than the limits."""
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self.attach(self.named(event, self.scalar(event)), event)
            elif isinstance(event, yaml.AliasEvent):
                self.attach(self.alias(event), event)
            elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
                kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
                if event.tag not in (None, "!", f"tag:yaml.org,2002:{'map' if kind == 'mapping' else 'seq'}"):
                    raise self.unknown_tag(event.tag, event)
                node = self.named(event, _Node(kind, _line(event), [], closed=False))
                self.open.append(node)
                self.check(node, event, len(self.open))
            elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                node = self.open.pop()
                node.closed = True
                self.attach(node, event)
            elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                raise self.fault("not valid YAML: a second document (`---`)", event)
        return self.root

    def named(self, event: Any, node: _Node) -> _Node:
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any) -> _Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            raise self.fault(f"not valid YAML: found undefined alias '{event.anchor[:80]}'", event)
        if not node.closed:
            raise self.fault("nested too deep, or an alias that contains itself", event)
        return node

    def attach(self, node: _Node, event: Any) -> None:
        """Put a finished node into the container that is open."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        self.check(parent, event, len(self.open) + node.height)
        if parent.kind == "sequence":
            parent.value.append(node)
        elif parent.key is None:
            if node.kind != "scalar":
                raise ConfigError("a key must be plain text", where=self.place(node.line))
            parent.key = node
        else:
            parent.value.append((parent.key, node))
            parent.key = None

    def check(self, node: _Node, event: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self.fault("nested too deep, or an alias that contains itself", event)
        if node.size > MAX_NODES:
            raise self.fault(f"more than {MAX_NODES:,} values once its aliases are copied out", event)

    def scalar(self, event: Any) -> _Node:
        text, line = event.value, _line(event)
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.rules.resolve(yaml.ScalarNode, text, event.implicit)
        kind = tag.removeprefix("tag:yaml.org,2002:")
        size = 1 + len(text) // _TEXT_PER_NODE
        # Dates, YAML 1.1's `=` and its binary data are text: no settings of ours or PaddleX's hold any
        if kind in ("str", "value", "timestamp", "merge") and (event.tag in (None, "!") or kind == "str"):
            return _Node("scalar", line, text, merge=kind == "merge", size=size)
        if kind not in ("null", "bool", "int", "float"):
            raise self.unknown_tag(tag, event)
        try:
            # A key stays as it is written: `1: x` is the key "1"
            return _Node("scalar", line, _Typed(text, _scalar(kind, text, self.old)), size=size)
        except (ValueError, KeyError, IndexError) as error:
            shown = text if len(text) <= 40 else f"{text[:37]}..."
            raise self.fault(f"not valid YAML: {shown!r} is not of the type {kind}", event) from error

    def unknown_tag(self, tag: str, event: Any) -> ConfigError:
        return self.fault(f"not valid YAML: the type {tag[:80]!r} is not allowed here", event)

    def fault(self, what: str, event: Any) -> ConfigError:
        hint = "check indentation, quotes and the space after ':'"
        return ConfigError(what, where=self.place(_line(event)), hint=hint)

    def place(self, line: int) -> str | None:
        return f"{self.file}:{line}" if self.file else None


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


@dataclass(frozen=True, slots=True)
class _Typed:
    """A scalar that is no text: as written, and its value."""

    text: str
    value: Any


class _Builder:
    """Builds plain values from nodes, within limits already checked, and notes the line of every key."""

    def __init__(self, file: str, marks: dict[KeyPath, Mark] | None) -> None:
        self.file, self.marks = file, marks

    def value(self, node: _Node, path: KeyPath) -> Any:
        if node.kind == "scalar":
            return node.value.value if isinstance(node.value, _Typed) else node.value
        if node.kind == "mapping":
            return self.mapping(node, path)
        return [self.item(item, (*path, index), item.line) for index, item in enumerate(node.value)]

    def item(self, node: _Node, path: KeyPath, line: int) -> Any:
        if self.marks is not None:
            self.marks[path] = Mark(self.file, line)
        return self.value(node, path)

    def mapping(self, node: _Node, path: KeyPath) -> dict[str, Any]:
        result = {}
        for key, (line, value) in self.pairs(node).items():
            result[key] = self.item(value, (*path, key), line)
        return result

    def pairs(self, node: _Node) -> dict[str, tuple[int, _Node]]:
        """key → (line, value), those of `<<` first, each key of the mapping's own once."""
        merged: dict[str, tuple[int, _Node]] = {}
        own: dict[str, tuple[int, _Node]] = {}
        for key, value in node.value:
            if key.merge:
                sources = value.value if value.kind == "sequence" else [value]
                for source in reversed(sources):  # the first of them wins
                    if source.kind != "mapping":
                        raise ConfigError("`<<` takes a mapping, or a list of them", where=f"{self.file}:{key.line}")
                    merged.update(self.pairs(source))
                continue
            text = key.value.text if isinstance(key.value, _Typed) else key.value
            if text in own:
                raise ConfigError(
                    f"the key '{text[:80]}' is duplicated, first on line {own[text][0]}",
                    where=f"{self.file}:{key.line}",
                    hint="keep one of them",
                )
            own[text] = key.line, value
        return {**merged, **own}
