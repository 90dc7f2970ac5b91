"""Resolves the charset of a training from the recipe's dictionary, the initial weights and the labels."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sealkit.charset import SPACE, Charset
from sealkit.download.asking import command
from sealkit.download.places import find_inference
from sealkit.errors import CharsetError, ConfigError
from sealkit.runtime.files import YML, ModelFiles, ModelMeta
from sealkit.runtime.onnx_fields import onnx_metadata
from sealkit.weights.checkpoint import is_checkpoint, read_state
from sealkit.weights.sources import ResolvedWeights, resolve

Policy = Literal["fail", "union", "new"]
CODEC = "codec:"
OFFICIAL = "official"
_SHOWN = 12
_WAYS = (
    "charset: union keeps the weights' characters and adds the new ones; charset: new has only the dictionary's; both "
    "copy the rows of known characters by character; charset: fail takes the weights' own: omit `dictionary` then"
)


@dataclass(frozen=True)
class Characters:
    """What a run's charset is and where it comes from.

    Attributes:
        charset: of the network that is trained.
        start: of the starting weights; None for random ones.
        note: a sentence for the log.
    """

    charset: Charset
    start: Charset | None
    note: str

    @property
    def changed(self) -> bool:
        """The starting weights' rows have to be moved."""
        return self.start is not None and self.start.hash != self.charset.hash


def resolve_charset(
    weights: ResolvedWeights, dictionary: str | None, policy: Policy, texts: Iterable[str], model: str
) -> Characters:
    """The charset of a run.

    Weights that carry a charset (checkpoints, `rapidocr`) are asked for it; of weights that carry none (`.pdparams`)
    `dictionary` is the charset.

    Args:
        weights: where training starts.
        dictionary: as in the recipe.
        policy: what to do where the weights' charset is another one.
        texts: of the training labels.
        model: official name, for messages.

    Raises:
        CharsetError: the charsets differ and `policy` is `fail`, or a dictionary that cannot be used.
        ConfigError: nothing says which characters there are.
    """
    wanted = read_dictionary(dictionary, texts, model) if dictionary is not None else None
    if weights.scratch:
        if wanted is None:
            raise _unsaid("weights.init: scratch", model)
        return Characters(wanted, None, f"charset {_name(wanted)}")
    start = charset_of_weights(weights)
    if start is None:
        if wanted is None:
            raise _unsaid(f"weights.init: {weights}", model)
        start, wanted = wanted, None
    if policy == "fail":
        if wanted is not None and wanted.hash != start.hash:
            raise _differs(start, wanted, str(weights))
        return Characters(start, start, f"charset {_name(start)}, that of the weights")
    if wanted is None:
        known = list(texts)  # none where all strips are drawn: these have the weights' characters
        wanted = start if policy == "union" and not any(text.strip() for text in known) else from_texts(known)
    made = start.extend(wanted.characters) if policy == "union" else wanted
    shared = sum(c in start.index for c in made.characters)
    note = f"charset ({policy}) {_name(made)}: {shared} characters of the weights, {len(made.characters) - shared} new"
    return Characters(made, start, note)


def _name(charset: Charset) -> str:
    return f"{charset.id or charset.hash}, {charset.num_classes} classes"


def _unsaid(where: str, model: str) -> ConfigError:
    return ConfigError(
        "no charset: `dictionary` is not set and the weights do not include one",
        where=f"dictionary ({where})",
        hint=f"dictionary: the official model folder of {model} (its inference.yml lists them), a dictionary file, "
        f"`labels` (the characters of the training labels) or `{CODEC}gb2312`",
    )


def _differs(start: Charset, wanted: Charset, weights: str) -> CharsetError:
    new = [c for c in wanted.characters if c not in start.index]
    gone = [c for c in start.characters if c not in wanted.index]
    if not new and not gone:
        what = "the same characters in another order"
    else:
        what = f"{len(new)} characters that the weights lack{_list(new)} and lacks {len(gone)} of theirs{_list(gone)}"
    return CharsetError(
        f"the starting weights have another charset ({_name(start)}) than the dictionary ({_name(wanted)}), which has "
        f"{what}",
        where=f"dictionary; weights.init: {weights}",
        hint=f"choose one: {_WAYS}",
    )


def _list(characters: Sequence[str]) -> str:
    return f" ({''.join(characters[:_SHOWN])}{' …' if len(characters) > _SHOWN else ''})" if characters else ""


def charset_of_weights(weights: ResolvedWeights) -> Charset | None:
    """The charset that weights carry: a checkpoint's, or that of an ONNX file; None where they carry none."""
    if weights.path is None:
        return None
    if weights.graph is not None:
        return Charset.from_onnx_metadata(onnx_metadata(weights.path), id="ppocrv6", where=str(weights.path))
    if is_checkpoint(weights.path):
        stored = read_state(weights.path)["extras"].get("charset")
        return None if stored is None else Charset.from_dict(stored, where=f"{weights.path}: charset")
    return None


def read_dictionary(source: str, texts: Iterable[str] = (), model: str = "") -> Charset:
    """A charset by what the recipe calls it.

    Args:
        source: `labels`, `official`, `rapidocr`, `codec:NAME`, or the path of a dictionary file, model folder,
            inference.yml or ONNX file.
        texts: for `labels`.
        model: for `official`: the official inference model whose characters they are.

    Raises:
        CharsetError, EngineError, WeightsError: it cannot be read, or has faults (named with their lines).
    """
    if source == "labels":
        return from_texts(texts)
    if source == "rapidocr":
        found = charset_of_weights(resolve("rapidocr", "PP-OCRv6_small_rec"))
        if found is None:
            raise CharsetError("the file has no charset", where="rapidocr")
        return found
    if source == OFFICIAL:
        source = str(_official_folder(model))
    if source.startswith(CODEC):
        return from_codec(source.removeprefix(CODEC))
    path = Path(source).expanduser()
    if path.name.endswith((".yml", ".yaml")) and path.is_file():
        meta = ModelMeta.read(path)
        return Charset.from_inference(meta.character_dict, id=path.parent.name, where=meta.where)
    if path.is_dir() or path.suffix == ".onnx":
        if is_checkpoint(path) or (path / "checkpoints").is_dir():
            weights = resolve(source, "")
            found = charset_of_weights(weights)
            if found is None:
                raise CharsetError("this checkpoint has no charset", where=source)
            return found
        meta = ModelFiles.find(path).read_meta()
        return Charset.from_inference(meta.character_dict, id=meta.model_name or path.stem, where=meta.where)
    if not path.is_file():
        raise CharsetError(
            "no such dictionary",
            where="dictionary",
            value=source,
            hint=f"a file of one character per line, a folder with {YML}, an ONNX file, labels, rapidocr or {CODEC}…",
        )
    return Charset.from_file(path)


def _official_folder(model: str) -> Path:
    found = find_inference(model)
    if found is None:
        raise CharsetError(
            "the official inference model, which lists the characters, is not on this machine",
            where=f"dictionary: {OFFICIAL}",
            value=model,
            hint=f"`{command([model])}` gets it (or add --download), or dictionary: FOLDER names another",
        )
    return found


def from_texts(texts: Iterable[str], id: str = "labels") -> Charset:
    """The characters that occur in texts, in the order of their code points; the space is a class in any case.

    Raises:
        CharsetError: there are none.
    """
    found = {character for text in texts for character in text} - {SPACE}
    if not found:
        raise CharsetError("the texts hold no characters", where="dictionary: labels")
    return Charset.from_list(sorted(found), id=id, where="the labels")


def from_codec(name: str) -> Charset:
    """The printable characters of a code table, in its order: `gb2312`, `gbk`, `big5`, `shift_jis`, `euc_kr`, `ascii`,
    `latin-1`, `iso8859-5`, `cp1256`, … (Python's names). Derived, not shipped.

    Raises:
        CharsetError: no such table, or one that is not made of codes of one or two bytes.
    """
    try:
        "".encode(name)
    except LookupError:
        hint = "Python's names: gb2312, gbk, big5, shift_jis, euc_kr, ascii, iso8859-5, …"
        raise CharsetError("unknown code table", where="dictionary", value=name, hint=hint) from None
    codes = [bytes([one]) for one in range(256)]
    codes += [bytes([first, second]) for first in range(0x81, 0xFF) for second in range(0x40, 0xFF)]
    found: dict[str, None] = {}
    for code in codes:
        try:
            text = code.decode(name)
        except (UnicodeDecodeError, UnicodeError):
            continue
        if len(text) == 1 and text != SPACE and unicodedata.category(text)[0] not in "CZ":
            found.setdefault(text)
    if not found or name.lower().replace("_", "-").startswith("utf"):
        hint = "take a table of one script, such as gb2312"
        raise CharsetError("not a code table of one or two bytes", where="dictionary", value=name, hint=hint)
    return Charset.from_list(list(found), id=name, where=f"{CODEC}{name}")


def unknown_counts(places: Iterable[tuple[str, str]], charset: Charset) -> list[tuple[str, int, str]]:
    """(character, count, first place) of what has no class, the most frequent first.

    Args:
        places: (where, text).
    """
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for where, text in places:
        for character in charset.unknown(text):
            counts[character] += text.count(character)
            first.setdefault(character, where)
    return [(character, count, first[character]) for character, count in counts.most_common()]


def describe_unknown(found: Sequence[tuple[str, int, str]]) -> str:
    """List characters with count and place: `'㐂' ×31 (train.txt:17), …`."""
    shown = [f"{character!r} ×{count} ({where})" for character, count, where in found[:_SHOWN]]
    return ", ".join(shown) + (f", … {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def twins(characters: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that Unicode takes for one character in two forms: full and half width, compatibility ideographs, radicals.

    A recogniser cannot tell them apart by their looks: two classes for one glyph.
    """
    known = dict.fromkeys(characters)
    found = []
    for character in known:
        plain = unicodedata.normalize("NFKC", character)
        if plain != character and len(plain) == 1 and plain in known:
            found.append((character, plain))
    return found


__all__ = [
    "Characters",
    "charset_of_weights",
    "describe_unknown",
    "from_codec",
    "from_texts",
    "read_dictionary",
    "resolve_charset",
    "twins",
    "unknown_counts",
]
