"""Questions about settings classes: which keys exist where, which values a key takes."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sealkit.config.yamlfile import KeyPath

_UNIONS = (Union, types.UnionType)
_BOUNDS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


@dataclass(frozen=True)
class Slot:
    """A place a value can stand in: its type, and the pydantic metadata (bounds) that go with it."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @classmethod
    def of(cls, field: FieldInfo) -> Slot:
        """The slot of a pydantic field."""
        return cls(field.annotation, tuple(field.metadata)).plain()

    def plain(self) -> Slot:
        """The same without `Annotated`."""
        if get_origin(self.annotation) is Annotated:
            inner, *metadata = get_args(self.annotation)
            return Slot(inner, (*self.metadata, *metadata)).plain()
        return self

    def options(self) -> list[Slot]:
        """The members of a union, or itself."""
        if get_origin(self.annotation) in _UNIONS:
            return [
                option for arg in get_args(self.annotation) for option in Slot(arg, self.metadata).plain().options()
            ]
        return [self]

    def model(self, value: Any = None) -> type[BaseModel] | None:
        """The settings class that stands here; of several (told apart by a key such as `op`) the one `value` names."""
        models = [
            o.annotation
            for o in self.options()
            if isinstance(o.annotation, type) and issubclass(o.annotation, BaseModel)
        ]
        if len(models) > 1 and isinstance(value, dict):
            return next((m for m in models if _names(m, value)), None)
        return models[0] if len(models) == 1 else None

    def child(self, key: str | int, value: Any = None) -> Slot | None:
        """The slot of a key or list index below this one, where `value` is what stands here now; None: no such key."""
        if isinstance(key, int):
            return self._item(key)
        model = self.model(value)
        field = model.model_fields.get(key) if model else None
        return Slot.of(field) if field else None

    def _item(self, index: int) -> Slot | None:
        for option in self.options():
            if get_origin(option.annotation) in (tuple, list):
                args = get_args(option.annotation)
                if (len(args) == 2 and args[1] is Ellipsis) or get_origin(option.annotation) is list:
                    return Slot(args[0]).plain()
                return Slot(args[index]).plain() if index < len(args) else None
        return None


def _names(model: type[BaseModel], value: dict[str, Any]) -> bool:
    """Whether `value` carries this class's fixed key (`op: flip`)."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal and field.is_required():
            return value.get(name) in get_args(field.annotation)
    return False


def slot_at(root: type[BaseModel], path: KeyPath, tree: Any) -> Slot | None:
    """The slot at a key path; `tree` holds the values that choose between unions on the way."""
    slot: Slot | None = Slot(root)
    for key in path:
        if slot is None:
            return None
        slot = slot.child(key, tree)
        tree = descend(tree, key)
    return slot


def descend(tree: Any, key: str | int) -> Any:
    """`tree[key]`, or None where there is no such thing."""
    if isinstance(tree, dict):
        return tree.get(key)
    if isinstance(tree, list) and isinstance(key, int) and 0 <= key < len(tree):
        return tree[key]
    return None


def leaf_keys(root: type[BaseModel], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """All key paths of a settings class that do not lie inside lists."""
    for name, field in root.model_fields.items():
        yield (*prefix, name)
        model = Slot.of(field).model()
        if model is not None:
            yield from leaf_keys(model, (*prefix, name))


@functools.cache
def meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """Key → the docstring below it in the source of a settings class or of its bases."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        body = definition.body if isinstance(definition, ast.ClassDef) else []
        for key, below in itertools.pairwise(body):
            if isinstance(key, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[ast.unparse(key.target)] = inspect.cleandoc(str(below.value.value))
    return found


def describe(slot: Slot) -> str:
    """The values a slot takes, in words: `whole number > 0`, `one of off, auto`, `null or text`."""
    words = [_describe_one(option) for option in slot.options()]
    models = [w for w in words if w.startswith("a block")]
    if len(models) > 1:
        tags = [str(t) for o in slot.options() if (t := tag_of(o.annotation)) is not None]
        return "a block with " + f"{tag_key(slot)}: " + ", ".join(tags)
    return " or ".join(dict.fromkeys(words))


def tag_key(slot: Slot) -> str:
    """The key that tells the members of a union of settings apart."""
    return next((str(m.discriminator) for m in slot.metadata if isinstance(m, FieldInfo) and m.discriminator), "op")


def tag_of(annotation: Any) -> Any:
    """The fixed value a settings class is chosen by, None if it has none."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return None
    for field in annotation.model_fields.values():
        if get_origin(field.annotation) is Literal and field.is_required():
            return get_args(field.annotation)[0]
    return None


def _describe_one(slot: Slot) -> str:
    kind, args = get_origin(slot.annotation), get_args(slot.annotation)
    if slot.annotation is type(None) or slot.annotation is None:
        return "null"
    if kind is Literal:
        names = ["true" if a is True else "false" if a is False else str(a) for a in args]
        return "one of " + ", ".join(names) if len(names) > 1 else names[0]
    if kind is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        return f"a list of {len(args)}: " + ", ".join(describe(Slot(a).plain()) for a in args)
    if kind in (tuple, list):
        return "a list; each item " + describe(Slot(args[0]).plain())
    if kind is dict:
        return "a block of keys"
    if isinstance(slot.annotation, type) and issubclass(slot.annotation, BaseModel):
        return "a block of keys: " + ", ".join(slot.annotation.model_fields)
    name = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(
        slot.annotation, "a value"
    )
    bounds = [
        f"{sign} {getattr(m, attr):g}"
        for m in slot.metadata
        for attr, sign in _BOUNDS
        if getattr(m, attr, None) is not None
    ]
    return f"{name} {' and '.join(bounds)}".strip()
