"""Presents results as text, in a notebook, in a window, or as rows of a table."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealkit.errors import SealkitError
from sealkit.files import write_bytes
from sealkit.modules.result import plain

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]
    from PIL import Image

COLUMNS = ("file", "page", "seal", "role", "text", "score", "direction", "x1", "y1", "x2", "y2")
"""Of a row: one per text, or one without text for a seal in which none was read. Pages are counted from 1, as in
print; the box is the seal's, in pixels of the page."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CELL = "padding:.2em .6em;text-align:left"


class Presented(dict[str, Any]):
    """Methods that present a pipeline result; its fields are those of SealRecognitionResult."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {headline(self)}>"

    def __str__(self) -> str:
        return as_text(self)

    def rows(self) -> list[dict[str, Any]]:
        """One dict per text, its keys are `COLUMNS`."""
        return result_rows(self)

    def to_dict(self) -> dict[str, Any]:
        """Short form of the result: {input_path, page_index, seals: [{seal, box, texts: [{text, role, score, …}]}]}.

        `json["res"]` has everything else. Where the image could not be read there is `error`.
        """
        fields: dict[str, Any] = {"input_path": self["input_path"], "page_index": self["page_index"]}
        fields["seals"] = [
            {"seal": seal["seal_region_id"], "box": seal.get("seal_box"), "texts": [dict(one) for one in seal.lines]}
            for seal in self["seal_res_list"]
        ]
        if "error" in self:
            fields["error"] = self["error"]
        found: dict[str, Any] = plain(fields)
        return found

    def to_df(self) -> pandas.DataFrame:
        """`rows()` as a pandas DataFrame; of many results: `pd.concat([r.to_df() for r in results])`.

        Raises:
            SealkitError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            hint = "pip install pandas; rows() gives the same as a list of dicts"
            raise SealkitError("a table needs pandas, which is not installed", hint=hint) from error
        return pandas.DataFrame(self.rows(), columns=list(COLUMNS))

    def save_to_csv(self, save_path: str | Path) -> None:
        """Write `rows()` as CSV (UTF-8 with a mark, so that spreadsheets show it right) to a file.

        A text that a spreadsheet would take for a formula gets an apostrophe in front.
        """
        write_csv([self], save_path)

    def show(self) -> None:
        """Open the result image in the system's image viewer."""
        image = main_image(self)
        if image is None:
            raise SealkitError("there is no image to show", where=headline(self), hint="print(result) says why")
        image.show()

    def _repr_png_(self) -> bytes | None:
        image = main_image(self)
        return None if image is None else png(image)

    def _repr_html_(self) -> str:
        return as_html(self)


def name_of(result: Mapping[str, Any]) -> str:
    """The input as people know it: its path and page, "image" for an array."""
    page = "" if result.get("page_index") is None else f" page {result['page_index'] + 1}"
    return f"{result.get('input_path') or 'image'}{page}"


def headline(result: Mapping[str, Any]) -> str:
    """`seal.png: 1 seal, 2 texts` or why there is none."""
    if "error" in result:
        return f"{name_of(result)}: not read: {str(result['error']).splitlines()[0]}"
    seals = result["seal_res_list"]
    texts = sum(len(seal["rec_texts"]) for seal in seals)
    return f"{name_of(result)}: {_count(len(seals), 'seal')}, {_count(texts, 'text')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def as_text(result: Any) -> str:
    """Name, seals, texts with score and role, and the notes of the stages, as `sealkit infer` prints them."""
    if "error" in result:
        return f"{name_of(result)}\n  {result['error']}"
    return "\n".join([name_of(result), *text_lines(result)])


def text_lines(result: Any) -> list[str]:
    """The lines of `as_text` after the first."""
    lines = []
    for seal in result["seal_res_list"]:
        lines.append(f"  seal {seal['seal_region_id']}")
        for entry in seal.lines:
            role = f"  ({entry['role']})" if entry["role"] else ""
            lines.append(f"    {entry['text']}  {entry['score']:.3f}{role}")
        if not seal.lines:
            lines.append("    no text read")
    if not result["seal_res_list"]:
        lines.append("  no seal found")
    notes = [stage["note"] for stage in result.stages.values() if isinstance(stage, dict) and "note" in stage]
    said = () if result["seal_res_list"] else ("no seal found",)  # the line above says it
    lines += [f"  note: {note}" for note in notes if note not in said]
    hints = [stage["hint"] for stage in result.stages.values() if isinstance(stage, dict) and "hint" in stage]
    return lines + [f"  hint: {hint}" for hint in hints]


def result_rows(result: Any) -> list[dict[str, Any]]:
    """One dict per text, keys `COLUMNS`."""
    page = result.get("page_index")
    rows = []
    for seal in result["seal_res_list"]:
        box = dict(zip(("x1", "y1", "x2", "y2"), seal.get("seal_box") or (None,) * 4))
        for line in seal.lines or [{"text": "", "score": None, "role": None}]:
            rows.append(
                {
                    "file": result.get("input_path"),
                    "page": None if page is None else page + 1,
                    "seal": seal["seal_region_id"],
                    **{key: line.get(key) for key in ("role", "text", "score", "direction")},
                    **box,
                }
            )
    return rows


def write_csv(results: Iterable[Any], path: str | Path) -> None:
    """The rows of several results in one CSV file; see `Presented.save_to_csv`."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for result in results:
        for row in result.rows():
            score = None if row["score"] is None else round(float(row["score"]), 4)
            writer.writerow({**row, "file": _plain_cell(row["file"]), "text": _plain_cell(row["text"]), "score": score})
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, text.getvalue().encode("utf-8-sig", "surrogateescape"))
    except OSError as error:
        raise SealkitError(
            f"cannot write: {error.strerror or error}", where=str(path), hint="choose another path"
        ) from error


def _plain_cell(text: str | None) -> str | None:
    """Text of strangers' images must not run as a formula where the table is opened."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text


def main_image(result: Any) -> Image.Image | None:
    """The overview of a page, else the first image there is; None where there is none."""
    if "error" in result:
        return None
    overview: Image.Image | None = result.overview
    return overview if overview is not None else next(iter(list(result.img.values())[::-1]), None)


def png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    return encoded.getvalue()


def as_html(result: Any) -> str:
    """Image and table for a notebook; every text is escaped."""
    import base64

    parts = [f"<p>{html.escape(headline(result))}</p>"]
    image = main_image(result)
    if image is not None:
        data = base64.b64encode(png(image)).decode("ascii")
        parts.append(f'<img style="max-width:100%" alt="" src="data:image/png;base64,{data}">')
    rows = [row for row in result_rows(result) if row["text"]]
    if rows:
        head = "".join(f'<th style="{_CELL}">{name}</th>' for name in ("seal", "role", "text", "score"))
        body = "".join(
            f'<tr><td style="{_CELL}">{row["seal"]}</td><td style="{_CELL}">{html.escape(row["role"] or "")}</td>'
            f'<td style="{_CELL}">{html.escape(row["text"])}</td><td style="{_CELL}">{row["score"]:.3f}</td></tr>'
            for row in rows
        )
        parts.append(f"<table><tr>{head}</tr>{body}</table>")
    return "\n".join(parts)
