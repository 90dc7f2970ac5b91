"""Parts of a page: paragraphs, headings, tables, forms, signing blocks, illustrations. Each says where it ends.

Called by `document_kinds`, `ruled` and `marks`; prints on a `sheet` and places `illustrations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sealkit import vocabulary as words
from sealkit.synth.common import texts
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.pages import illustrations as images
from sealkit.synth.pages.sheet import Colour, Sheet
from sealkit.synth.seals.shapes import draw_star


@dataclass(frozen=True)
class PageAssets:
    """What drawing takes beside the sheet."""

    fields: FieldPool
    book: FontBook


NUMERALS = "一二三四五六七八九十"
RED: tuple[Colour, ...] = ((30, 25, 205), (45, 40, 190), (10, 10, 230), (60, 60, 170))


def paragraph(
    sheet: Sheet, y: float, rows: int, *, x0: float | None = None, x1: float | None = None, kind: str = "body",
    px: float | None = None, spacing: float | None = None, opening: str = "", indent: float = 2.0,
) -> float:  # fmt: skip
    """Lines of running text, the first indented, the last cut short; `opening`: how it begins ("3.1", "甲方：")."""
    rng, px = sheet.rng, px or sheet.em
    left, right = sheet.left if x0 is None else x0, sheet.right if x1 is None else x1
    step = px * (spacing or 1.6)
    top = y
    for row in range(rows):
        x = left + (indent * px if row == 0 else 0.0)
        if row == 0 and opening:
            x = sheet.write(x, y, opening, px)[2] + 0.3 * px
        room = right - x
        if row == rows - 1:
            room *= rng.uniform(0.15, 1.0)
        sheet.running(x, y, room, px, kind)
        y += step
    sheet.note("text", left, top, right, y - step + 1.2 * px)
    return y


def heading(
    sheet: Sheet, y: float, text: str, px: float, *, align: float = 0.5, style: str = "heavy",
    colour: Colour | None = None, kind: str = "doc_title", room: float | None = None,
) -> float:  # fmt: skip
    """Draw a heading at `y`; returns the y below it, in pixels."""
    width = (sheet.right - sheet.left) if room is None else room
    x = sheet.left + align * (sheet.right - sheet.left)
    box = sheet.write(x, y, text, px, style, colour, align, width)
    sheet.note(kind, *box)
    return y + px * 1.5


def section(sheet: Sheet, y: float, number: int) -> float:
    """A numbered heading of a clause."""
    topic = texts.pick(sheet.rng, words.BODY_WORDS) + texts.pick(sheet.rng, words.BODY_WORDS)
    mark = NUMERALS[number % 10]
    text = f"{mark}、{topic}" if sheet.rng.random() < 0.6 else f"第{mark}条 {topic}"
    style = "heavy" if sheet.rng.random() < 0.7 else "print"
    return heading(sheet, y, text, sheet.em * 1.05, align=0.0, style=style, kind="paragraph_title")


@dataclass(frozen=True)
class Ruling:
    """How a table is ruled: which of its lines are drawn, how wide, in which colour."""

    columns: bool
    rows: bool
    box: bool
    width: float
    colour: Colour | None = None


def choose_ruling(sheet: Sheet) -> Ruling:
    """Random line style of a table."""
    rng = sheet.rng
    width = sheet.em * rng.uniform(0.04, 0.11)
    draw = rng.random()
    grey = None if rng.random() < 0.7 else (float(rng.uniform(90, 190)),) * 3
    if draw < 0.68:
        return Ruling(True, True, True, width, grey)
    if draw < 0.8:
        return Ruling(False, False, False, width * 1.4, grey)  # three lines, as in journals and laboratories
    if draw < 0.9:
        return Ruling(False, True, False, width, grey)
    return Ruling(True, False, True, width, grey)


def table(
    sheet: Sheet, y: float, rows: int, columns: int, *, x0: float | None = None, x1: float | None = None,
    px: float | None = None, ruling: Ruling | None = None, fill: float = 0.85, pitch: float | None = None,
    noted: bool = True,
) -> float:  # fmt: skip
    """A table of numbers and short texts with a row of headings."""
    rng, px = sheet.rng, px or sheet.em * float(sheet.rng.uniform(0.75, 1.0))
    left, right = sheet.left if x0 is None else x0, sheet.right if x1 is None else x1
    ruling = ruling or choose_ruling(sheet)
    pitch = px * (pitch or float(rng.uniform(1.5, 2.6)))
    shares = np.cumsum(np.concatenate([[0.0], rng.uniform(0.5, 1.6, columns)]))
    xs = left + shares / shares[-1] * (right - left)
    numeric = rng.random(columns) < 0.55
    foot = y + rows * pitch
    if rng.random() < 0.3:
        shade = _pale(rng)
        sheet.tint(left, y, right, y + pitch, shade)
        if rng.random() < 0.4:
            for row in range(2, rows, 2):
                sheet.tint(left, y + row * pitch, right, y + (row + 1) * pitch, (243, 243, 243))
    for row in range(rows):
        for column, (a, b) in enumerate(pairwise(xs)):
            if row == 0 or rng.random() < fill:
                _cell(sheet, a, b, y + row * pitch, pitch, px, bool(numeric[column]) and row > 0, head=row == 0)
    _rule_table(sheet, xs, np.linspace(y, foot, rows + 1), ruling)
    if noted:
        sheet.note("table", left, y, right, foot)
    return foot + px


def _cell(sheet: Sheet, a: float, b: float, y: float, height: float, px: float, numeric: bool, head: bool) -> None:
    rng, room, top = sheet.rng, b - a - 0.5 * px, y + (height - px * 1.25) / 2
    if room < px:
        return
    if numeric:
        align = 1.0 if rng.random() < 0.7 else 0.5
        sheet.number(b - 0.3 * px if align == 1.0 else (a + b) / 2, top, px, align, room)
        return
    count = min(room / px, 4.0 if head else float(rng.integers(1, 12)))
    offset = (b - a - count * px) / 2 if head else 0.3 * px
    sheet.running(a + offset, top, count * px + 1, px)


def _rule_table(sheet: Sheet, xs: np.ndarray, ys: np.ndarray, ruling: Ruling) -> None:
    width, colour = ruling.width, ruling.colour
    left, right, top, foot = xs[0], xs[-1], ys[0], ys[-1]
    for y in ys if ruling.rows else (top, ys[1], foot):
        sheet.rule(left, y, right, y, width, colour)
    if ruling.columns:
        for x in xs[1:-1]:
            sheet.rule(x, top, x, foot, width, colour)
    if ruling.box:
        sheet.frame(left, top, right, foot, width * (1.6 if sheet.rng.random() < 0.3 else 1.0), colour)


def _pale(rng: np.random.Generator) -> Colour:
    draw = rng.random()
    if draw < 0.5:
        return (225.0, 225.0, 225.0)
    return (float(rng.uniform(205, 255)), float(rng.uniform(205, 250)), float(rng.uniform(195, 250)))


def form(sheet: Sheet, y: float, rows: int, *, px: float | None = None, tall: float = 0.15) -> float:
    """A ruled form: labels and what was filled in, rows split in their own ways, tall cells for opinions and stamps."""
    rng, px = sheet.rng, px or sheet.em
    left, right, top = sheet.left, sheet.right, y
    width = px * float(rng.uniform(0.05, 0.12))
    hand = rng.random() < 0.5
    label_room = (right - left) * float(rng.uniform(0.13, 0.24))
    row_height = px * float(rng.uniform(1.7, 2.6))
    for _ in range(rows):
        sheet.rule(left, y, right, y, width)
        if rng.random() < tall:
            height = row_height * float(rng.uniform(2.5, 5.5))
            _opinion_cell(sheet, left, right, y, height, px, label_room, width)
        else:
            height = row_height
            parts = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))
            for a, b in pairwise(np.linspace(left, right, parts + 1)):
                _form_cell(sheet, a, b, y, height, px, min(label_room, (b - a) * 0.45), width, hand)
        y += height
    sheet.frame(left, top, right, y, width * 1.3)
    sheet.note("table", left, top, right, y)
    return y + 0.8 * px


def _form_cell(
    sheet: Sheet, a: float, b: float, y: float, height: float, px: float, label_room: float, width: float, hand: bool
) -> None:
    rng, text_y = sheet.rng, y + (height - 1.25 * px) / 2
    label = texts.pick(rng, words.FORM_LABELS).rstrip("：")
    sheet.write(a + label_room / 2, text_y, label, px, align=0.5, room=label_room - 0.3 * px)
    sheet.rule(a, y, a, y + height, width)
    sheet.rule(a + label_room, y, a + label_room, y + height, width)
    room = b - a - label_room - 0.8 * px
    draw = rng.random()
    if draw < 0.15 or room < 2 * px:
        return
    x = a + label_room + 0.4 * px
    if draw < 0.4:
        sheet.number(x, text_y, px, 0.0, room)
    else:
        room = min(room, px * rng.uniform(2, 14))
        if hand:
            sheet.running(x, text_y - 0.1 * px, room, px * 1.1, "hand")
        else:
            sheet.running(x, text_y, room, px)


def _opinion_cell(
    sheet: Sheet, left: float, right: float, y: float, height: float, px: float, label_room: float, width: float
) -> None:
    """A tall cell: what somebody thinks of it, signature, date, stamp."""
    rng = sheet.rng
    sheet.write(left + label_room / 2, y + height / 2 - px, texts.pick(rng, ("部门意见", "审批意见", "单位意见", "备注",
                "领导批示", "收款单位", "审核意见")), px, align=0.5, room=label_room - 0.3 * px)  # fmt: skip
    sheet.rule(left + label_room, y, left + label_room, y + height, width)
    if rng.random() < 0.7:
        sheet.running(
            left + label_room + px, y + 0.5 * px, px * rng.uniform(4, 18), px, "hand" if rng.random() < 0.5 else "body"
        )
    x = right - px * rng.uniform(7, 13)
    sheet.write(
        x, y + height - 3.2 * px, texts.pick(rng, ("签字（盖章）：", "负责人（签章）：", "单位（公章）", "盖章：")), px
    )
    sheet.write(x + px, y + height - 1.5 * px, date_text(rng), px)
    sheet.anchor(x + 3 * px, y + height - 2 * px)


def date_text(rng: np.random.Generator) -> str:
    """A random date as documents write it, or blanks to fill in."""
    if rng.random() < 0.3:
        return "    年   月   日"
    year, month, day = rng.integers(2004, 2030), rng.integers(1, 13), rng.integers(1, 29)
    return f"{year}年{month}月{day}日" if rng.random() < 0.6 else f"{year} 年 {month:02d} 月 {day:02d} 日"


def key_values(sheet: Sheet, y: float, rows: int, columns: int = 1, *, x0: float | None = None, x1: float | None = None,
               px: float | None = None, spacing: float = 1.7, underline: float = 0.0) -> float:  # fmt: skip
    """Lines "label: value" in columns."""
    rng, px = sheet.rng, px or sheet.em
    left, right, top = sheet.left if x0 is None else x0, sheet.right if x1 is None else x1, y
    for _ in range(rows):
        for a, b in pairwise(np.linspace(left, right, columns + 1)):
            end = sheet.write(a, y, texts.pick(rng, words.FORM_LABELS), px)[2]
            room = b - end - px
            if rng.random() < underline and room > px:
                sheet.rule(end, y + 1.2 * px, end + room * 0.9, y + 1.2 * px, px * 0.06)
            if rng.random() < 0.4:
                sheet.number(end + 0.3 * px, y, px, 0.0, room)
            elif rng.random() < 0.85:
                sheet.running(
                    end + 0.3 * px, y, min(room, px * rng.uniform(2, 12)), px, "hand" if rng.random() < 0.2 else "body"
                )
        y += spacing * px
    sheet.note("text", left, top, right, y - (spacing - 1.2) * px)
    return y


def signing(sheet: Sheet, y: float) -> float:
    """The parties of a contract, side by side or one above the other."""
    rng, px, top = sheet.rng, sheet.em, y
    side_by_side = rng.random() < 0.65
    middle = (sheet.left + sheet.right) / 2
    starts = [sheet.left, middle + px] if side_by_side else [sheet.left]
    spacing = float(rng.uniform(1.5, 2.3))
    ends = []
    for block in range(1 if side_by_side else 2):
        for number, x in enumerate(starts):
            line = y
            party = ("甲方", "乙方", "买方", "卖方")[(number + block) % 2 + (2 if rng.random() < 0.2 else 0)]
            end = sheet.write(x, line, party + texts.pick(rng, ("（盖章）：", "（公章）：", "：")), px)[2]
            sheet.write(end, line, texts.company(rng), px, room=px * 13)
            sheet.anchor(x + px * rng.uniform(4, 10), line + px * rng.uniform(0, 3))
            sheet.anchor(x + px * rng.uniform(6, 13), line + px * rng.uniform(2, 5), "square", "rectangle")
            for label in ("法定代表人：", "委托代理人：", "地址：", "电话：", "开户银行：", "账号：")[
                : int(rng.integers(1, 6))
            ]:
                line += spacing * px
                stop = sheet.write(x, line, label, px)[2]
                if rng.random() < 0.35:
                    sheet.rule(stop, line + 1.2 * px, stop + 6 * px, line + 1.2 * px, px * 0.06)
                kind = "hand" if label.endswith("人：") else "body"
                if rng.random() < 0.7:
                    sheet.running(
                        stop + 0.3 * px,
                        line - 0.2 * px,
                        px * (3.2 if kind == "hand" else 8),
                        px * (1.2 if kind == "hand" else 1),
                        kind,
                    )
            line += spacing * px
            sheet.write(x, line, date_text(rng), px, "hand" if rng.random() < 0.2 else "print")
            ends.append(line + 2.2 * px)
        y = max(ends)
    sheet.note("text", sheet.left, top, sheet.right, y - px)
    return y


def sign_off(sheet: Sheet, y: float) -> float:
    """Who wrote it and when, to the right, where the seal goes."""
    rng, px = sheet.rng, sheet.em
    x = sheet.left + (sheet.right - sheet.left) * float(rng.uniform(0.6, 0.8))
    name = texts.company(rng) if rng.random() < 0.6 else texts.organisation(rng)
    a = sheet.write(x, y, name, px, align=0.5, room=(sheet.right - x) * 2)
    y += px * float(rng.uniform(1.4, 2.2))
    b = sheet.write(x, y, date_text(rng), px, align=0.5)
    sheet.note("text", min(a[0], b[0]), a[1], max(a[2], b[2]), b[3])
    sheet.anchor(x, y - 0.3 * px)
    return y + 2 * px


def red_head(sheet: Sheet, y: float) -> float:
    """The heading of an official paper: the office in large red characters, the paper's number, a red rule."""
    rng = sheet.rng
    red = RED[int(rng.integers(len(RED)))]
    name = (texts.organisation(rng) if rng.random() < 0.6 else texts.company(rng)) + (
        "文件" if rng.random() < 0.7 else ""
    )
    px = min(sheet.em * 3.2, (sheet.right - sheet.left) / len(name))
    sheet.note("doc_title", *sheet.write(sheet.width / 2, y, name, px, "heavy", red, 0.5))
    y += px * 1.6
    number = f"{texts.pick(rng, words.CITIES)[:1]}发〔{rng.integers(2005, 2030)}〕{rng.integers(1, 300)}号"
    align = 0.5 if rng.random() < 0.6 else 0.0
    sheet.write(sheet.left + align * (sheet.right - sheet.left), y, number, sheet.em, align=align)
    if align == 0.0:
        sheet.write(sheet.right, y, "签发人：" + texts.person(rng), sheet.em, align=1.0)
    y += sheet.em * 1.7
    sheet.rule(sheet.left, y, sheet.right, y, sheet.em * float(rng.uniform(0.08, 0.25)), red)
    if rng.random() < 0.25:  # a star in the middle of the rule
        star = np.zeros((int(sheet.em * 1.6),) * 2, np.uint8)
        draw_star(star, 1.0, sheet.em * 0.75, (sheet.em * 0.8, sheet.em * 0.8))
        sheet.put(star, sheet.width / 2 - sheet.em * 0.8, y - sheet.em * 0.7, red)
    return y + sheet.em * 2


def figure(
    sheet: Sheet, fields: FieldPool, y: float, height: float, *, x0: float | None = None, x1: float | None = None,
    caption: bool = True,
) -> float:  # fmt: skip
    """A photograph, chart or drawing with a line below."""
    rng = sheet.rng
    left, right = sheet.left if x0 is None else x0, sheet.right if x1 is None else x1
    w, h = max(8, int(right - left)), max(8, int(height))
    if sheet.shows(y, y + h):
        draw = rng.random()
        if draw < 0.6:
            image = images.photograph(rng, fields, h, w)
        else:
            image = images.chart(rng, h, w) if draw < 0.85 else images.drawing(rng, h, w)
        sheet.put_image(image, left, y)
    sheet.note("image", left, y, left + w, y + h)
    y += h + 0.3 * sheet.em
    if caption:
        px = sheet.em * 0.85
        text = f"图{rng.integers(1, 30)} " + texts.body_text(rng, int(rng.integers(4, 14)))
        sheet.note("figure_title", *sheet.write((left + right) / 2, y, text, px, align=0.5, room=right - left))
        y += 1.8 * px
    return y


def square_image(sheet: Sheet, image: np.ndarray, x: float, y: float) -> None:
    """A code, logo or emblem with its top left corner at (x, y)."""
    sheet.put_image(image, x, y)
    sheet.note("image", x, y, x + image.shape[1], y + image.shape[0])


def running_head(sheet: Sheet) -> None:
    """Header, footer and page number, each now and then."""
    rng, px = sheet.rng, sheet.em * 0.75
    if rng.random() < 0.3:
        y = sheet.height * 0.03
        box = sheet.write(sheet.left, y, texts.company(rng), px)
        sheet.note("header", *box)
        sheet.rule(sheet.left, y + 1.4 * px, sheet.right, y + 1.4 * px, px * 0.06)
    if rng.random() < 0.45:
        y = sheet.height * 0.955
        number = int(rng.integers(1, 90))
        text = texts.pick(
            rng, (f"- {number} -", str(number), f"第 {number} 页 共 {number + 3} 页", f"{number} / {number + 5}")
        )
        sheet.note("number", *sheet.write(sheet.width * _number_place(rng), y, text, px, align=0.5))


def _number_place(rng: np.random.Generator) -> float:
    return float(rng.choice([0.5, 0.85], p=[0.75, 0.25]))
