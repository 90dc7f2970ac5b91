"""YAML text → plain values, with the line every key stands on.

Numbers and booleans follow YAML 1.2: `1e-4` is a number, `off` and `yes` are text, booleans are `true` and `false`.
(PyYAML's YAML 1.1 rules turn `amp: off` into `false` and `lr: 1e-4` into text, both without a word.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from sealkit.errors import ConfigError

KeyPath = tuple[str | int, ...]
_MAX_DEPTH = 40  # a recipe is 5 deep; the limit stops a file whose aliases contain themselves


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


class Yaml12Loader(yaml.SafeLoader):
    """SafeLoader with the scalar rules of YAML 1.2's core schema."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # types-PyYAML calls it an instance variable


Yaml12Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
Yaml12Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Yaml12Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
Yaml12Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$"
    ),
    list("-+.0123456789"),
)
Yaml12Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """Decimal as YAML 1.2 has it: PyYAML would read 010 as eight."""
    return int(node.value, 10)


Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _int)


def read_yaml(path: str | Path) -> Document:
    """Read a file of one YAML mapping.

    Raises:
        ConfigError: unreadable, not UTF-8, not YAML, not a mapping, a key given twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("the file is not UTF-8 text", where=str(path), hint="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(path), hint="check the path and its rights"
        ) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str) -> Document:
    """As `read_yaml`, for text; `file` is the name messages use."""
    loader = Yaml12Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ConfigError("the file is empty", where=file, hint="start from a recipe of `sealkit models`")
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(
                "a settings file is a list of `key: value` lines", where=f"{file}:1", hint="see any file of recipes/"
            )
        document = Document(file, {})
        document.tree = _Walker(loader, document).mapping(node, ())
        return document
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", where=file, hint="check for stray control characters") from error
    finally:
        loader.dispose()  # type: ignore[no-untyped-call]


def parse_value(text: str) -> Any:
    """One value as it would stand after `key:` in a file.

    Raises:
        ConfigError: not valid YAML.
    """
    try:
        return yaml.load(text, Loader=Yaml12Loader)  # a SafeLoader: builds plain values only
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"the value is not valid YAML: {problem}", value=text, hint="quote it: -o 'key=\"text\"'"
        ) from error


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}" if mark else file
    problem = error.problem or "syntax error"
    hint = "indent with spaces, not tabs" if "\\t" in problem else "check indentation, quotes and the space after ':'"
    return ConfigError(f"not valid YAML: {problem}", where=where, hint=hint)


class _Walker:
    """Builds plain values from composed nodes and notes the line of every key."""

    def __init__(self, loader: Yaml12Loader, document: Document) -> None:
        self.loader, self.document = loader, document

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if len(path) > _MAX_DEPTH:
            raise ConfigError("nested too deep, or an alias that contains itself", where=self.mark(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                here: KeyPath = (*path, index)
                self.document.marks[here] = Mark(self.document.file, item.start_mark.line + 1)
                items.append(self.value(item, here))
            return items
        return self.loader.construct_object(node, deep=True)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        self.refuse_twins(node)
        self.loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here: KeyPath = (*path, key)
            self.document.marks[here] = Mark(self.document.file, key_node.start_mark.line + 1)
            result[key] = self.value(value_node, here)
        return result

    def refuse_twins(self, node: yaml.MappingNode) -> None:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError("a key must be plain text", where=self.mark(key_node))
            if key_node.value in seen and key_node.value != "<<":
                raise ConfigError(
                    f"the key '{key_node.value}' stands twice, first on line {seen[key_node.value]}",
                    where=self.mark(key_node),
                    hint="keep one of them",
                )
            seen[key_node.value] = key_node.start_mark.line + 1

    def mark(self, node: yaml.Node) -> str:
        return f"{self.document.file}:{node.start_mark.line + 1}"
