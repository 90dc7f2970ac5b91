"""Whole documents: which parts a contract, an invoice, a certificate, … consists of, and where it is stamped.

`KINDS` is called by `scene`; the documents are put together from `blocks`, those of rules and boxes in `ruled`.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from sealkit import vocabulary as words
from sealkit.synth.common import texts
from sealkit.synth.pages import blocks as parts
from sealkit.synth.pages import illustrations as images
from sealkit.synth.pages.blocks import PageAssets
from sealkit.synth.pages.ruled import form, invoice, receipt, statement
from sealkit.synth.pages.sheet import Colour, Sheet
from sealkit.synth.seals.shapes import draw_emblem

Rng = np.random.Generator


_CERTIFICATES = (
    "营业执照", "荣誉证书", "资质证书", "质量体系认证证书", "结业证书", "授权书", "检定证书", "毕业证书", "聘 书",
    "登记证书", "许可证",
)  # fmt: skip


def contract(sheet: Sheet, assets: PageAssets) -> None:
    """Clauses, then the parties; some pages show the clauses only."""
    rng, y = sheet.rng, sheet.height * float(sheet.rng.uniform(0.05, 0.1))
    if rng.random() < 0.4:
        title = texts.pick(rng, words.TRADES)[:4] + texts.pick(
            rng, ("合同", "协议书", "合同书", "买卖合同", "服务协议")
        )
        y = parts.heading(sheet, y, title, sheet.em * float(rng.uniform(1.5, 2.2)))
        if rng.random() < 0.6:
            y = parts.key_values(sheet, y, int(rng.integers(2, 5)), underline=0.5)
    ending = rng.random() < 0.72
    foot = sheet.height * (float(rng.uniform(0.45, 0.72)) if ending else 0.9)
    number, spacing = int(rng.integers(0, 8)), float(rng.uniform(1.4, 2.1))
    while y < foot:
        draw = rng.random()
        if draw < 0.35:
            y = parts.section(sheet, y, number)
            number += 1
        elif draw < 0.42 and sheet.em * 12 < foot - y:
            y = parts.table(sheet, y, int(rng.integers(3, 7)), int(rng.integers(3, 7)))
            continue
        opening = f"{rng.integers(1, 12)}." if rng.random() < 0.5 else ""
        y = parts.paragraph(sheet, y, int(rng.integers(1, 5)), spacing=spacing, opening=opening)
    if ending:
        parts.signing(sheet, y + sheet.em * float(rng.uniform(0.5, 2.5)))
    else:
        sheet.anchor(sheet.width * float(rng.uniform(0.3, 0.8)), sheet.height * float(rng.uniform(0.6, 0.9)))
    parts.running_head(sheet)


def notice(sheet: Sheet, assets: PageAssets) -> None:
    """An official paper under a red heading."""
    rng = sheet.rng
    y = parts.red_head(sheet, sheet.height * float(rng.uniform(0.05, 0.12))) + sheet.em
    title = (
        "关于" + texts.body_text(rng, int(rng.integers(6, 16))) + "的" + texts.pick(rng, ("通知", "决定", "函", "报告"))
    )
    y = parts.heading(sheet, y, title, sheet.em * float(rng.uniform(1.1, 1.5)))
    _character_body(sheet, y + sheet.em * 0.6, float(rng.uniform(0.55, 0.8)))
    if rng.random() < 0.4:  # print note
        y = sheet.height * 0.9
        for _ in range(2):
            sheet.rule(sheet.left, y, sheet.right, y, sheet.em * 0.06)
            sheet.running(
                sheet.left,
                y + 0.2 * sheet.em,
                (sheet.right - sheet.left) * float(rng.uniform(0.4, 0.9)),
                sheet.em * 0.8,
            )
            y += sheet.em * 1.4
        sheet.rule(sheet.left, y, sheet.right, y, sheet.em * 0.06)


def character(sheet: Sheet, assets: PageAssets) -> None:
    """A title, some paragraphs, who wrote it and when."""
    rng = sheet.rng
    y = sheet.height * float(rng.uniform(0.06, 0.16))
    if rng.random() < 0.2:
        side = int(sheet.em * float(rng.uniform(2.5, 4)))
        parts.square_image(sheet, images.logo(rng, assets.book, side), sheet.left, y - side * 0.5)
        sheet.write(sheet.left + side * 1.2, y - side * 0.2, texts.company(rng), sheet.em * 1.2, "heavy")
        y += side
    title = texts.pick(
        rng,
        ("证 明", "通 知", "收入证明", "授权委托书", "承诺书", "情况说明", "介 绍 信", "在职证明", "公 告", "申请书"),
    )
    red = parts.RED[int(rng.integers(len(parts.RED)))] if rng.random() < 0.12 else None
    y = parts.heading(sheet, y, title, sheet.em * float(rng.uniform(1.6, 2.6)), colour=red)
    _character_body(sheet, y + sheet.em, float(rng.uniform(0.3, 0.75)))
    parts.running_head(sheet)


def _character_body(sheet: Sheet, y: float, until: float) -> None:
    rng, spacing = sheet.rng, float(sheet.rng.uniform(1.5, 2.2))
    if rng.random() < 0.6:
        sheet.running(sheet.left, y, sheet.em * float(rng.uniform(4, 12)))
        y += sheet.em * spacing
    number = 0
    while y < sheet.height * until:
        if rng.random() < 0.2:
            y = parts.section(sheet, y, number)
            number += 1
        y = parts.paragraph(sheet, y, int(rng.integers(1, 6)), spacing=spacing)
    if rng.random() < 0.25:
        sheet.running(sheet.left + 2 * sheet.em, y, sheet.em * 6)
        y += sheet.em * spacing
    parts.sign_off(sheet, y + sheet.em * float(rng.uniform(0.5, 3)))


def certificate(sheet: Sheet, assets: PageAssets) -> None:
    """A coloured frame, an emblem or sign, a large title, what is certified, a seal at the foot."""
    rng = sheet.rng
    tone = _certificate_tone(sheet)
    _ornate_frame(sheet, tone)
    wide = sheet.width > sheet.height
    sheet.margin = sheet.width * float(rng.uniform(0.13, 0.2))
    y = sheet.height * float(rng.uniform(0.07, 0.11))
    if rng.random() < 0.65:
        side = int(min(sheet.width, sheet.height) * float(rng.uniform(0.09, 0.17)))
        emblem = images.national_emblem(rng, side) if rng.random() < 0.5 else images.logo(rng, assets.book, side)
        parts.square_image(sheet, emblem, sheet.width / 2 - side / 2, y - side * 0.25)
        y += side * 0.95
    title = texts.pick(rng, _CERTIFICATES)
    px = min(sheet.em * float(rng.uniform(2.4, 4.2)), (sheet.right - sheet.left) / len(title))
    colours: list[Colour | None] = [None, None, (30, 25, 200), (40, 110, 170)]
    y = parts.heading(sheet, y, title, px, colour=colours[int(rng.integers(4))]) + sheet.em * 0.3
    if rng.random() < 0.4:
        sheet.write(sheet.width / 2, y, "编号：" + texts.tax_number(rng), sheet.em * 0.9, align=0.5)
        y += sheet.em * 2
    if wide or rng.random() < 0.4:
        y = parts.key_values(sheet, y, int(rng.integers(3, 6)), 2 if wide and rng.random() < 0.7 else 1)
    else:
        for _ in range(int(rng.integers(1, 4))):
            y = parts.paragraph(sheet, y, int(rng.integers(1, 4)), spacing=2.0) + sheet.em
    if rng.random() < 0.25:
        h = sheet.em * 5.5
        image = images.portrait(rng, assets.fields, int(h), int(h * 0.72))
        parts.square_image(sheet, image, sheet.left, y)
        sheet.anchor(sheet.left + h * 0.7, y + h * 0.8, "circle")
    _certificate_foot(sheet, assets, max(y + sheet.em, sheet.height * 0.7))


def _certificate_foot(sheet: Sheet, assets: PageAssets, y: float) -> None:
    rng = sheet.rng
    if rng.random() < 0.75:
        parts.sign_off(sheet, min(y, sheet.height * 0.83))
    else:
        sheet.anchor(sheet.width * float(rng.uniform(0.4, 0.8)), y + sheet.em)
    side = int(min(sheet.width, sheet.height) * float(rng.uniform(0.09, 0.15)))
    if rng.random() < 0.4:
        parts.square_image(sheet, images.qr_code(rng, side), sheet.left, min(y, sheet.height * 0.8))
    x = sheet.left
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.45, 0.25, 0.2, 0.1]))):
        sign = images.foil_sticker(rng, side) if rng.random() < 0.25 else images.logo(rng, assets.book, side)
        x += side * float(rng.uniform(1.1, 2.0))
        parts.square_image(sheet, sign, x, min(y, sheet.height * 0.8) + side * float(rng.uniform(-0.2, 0.2)))


def _certificate_tone(sheet: Sheet) -> Colour:
    tones: list[Colour] = [(40, 130, 190), (60, 140, 60), (150, 80, 40), (50, 40, 190), (110, 150, 170), (90, 90, 90)]
    return tones[int(sheet.rng.integers(len(tones)))]


def _ornate_frame(sheet: Sheet, tone: Colour) -> None:
    rng = sheet.rng
    if rng.random() < 0.4:  # coloured ground
        share = float(rng.uniform(0.06, 0.25))
        ground = tuple(255 - (255 - value) * share for value in tone)
        sheet.tint(0, 0, sheet.width, sheet.height, ground)  # type: ignore[arg-type]
    if rng.random() < 0.12:
        return
    inset, thick = sheet.width * float(rng.uniform(0.015, 0.05)), sheet.width * float(rng.uniform(0.012, 0.04))
    w, h = sheet.width, sheet.height
    if rng.random() < 0.45:  # a solid band
        sheet.tint(inset, inset, w - inset, inset + thick, tone)
        sheet.tint(inset, h - inset - thick, w - inset, h - inset, tone)
        sheet.tint(inset, inset, inset + thick, h - inset, tone)
        sheet.tint(w - inset - thick, inset, w - inset, h - inset, tone)
    else:  # a chain of small figures
        step = max(5, round(thick))
        tile = np.zeros((step, step), np.uint8)
        draw_emblem(tile, 0.9, step / 2, ((step - 1) / 2, (step - 1) / 2), rng)
        cv2.rectangle(tile, (0, 0), (step - 1, step - 1), int(rng.integers(0, 160)), 1)
        across, down = max(1, round((w - 2 * inset) / step)), max(1, round((h - 2 * inset) / step))
        for y in (inset, h - inset - step):
            sheet.put(np.tile(tile, (1, across)), inset, y, tone)
        for x in (inset, w - inset - step):
            sheet.put(np.tile(tile, (down, 1)), x, inset, tone)
    gap = inset + thick * float(rng.uniform(1.2, 2.0))
    sheet.frame(gap, gap, w - gap, h - gap, max(1.0, thick * 0.1), tone)


def article(sheet: Sheet, assets: PageAssets) -> None:
    """A report, book or paper: columns of text, headings, illustrations, tables."""
    rng = sheet.rng
    y = sheet.height * float(rng.uniform(0.06, 0.1))
    latin = "latin" if rng.random() < 0.2 else "body"
    if rng.random() < 0.5:
        y = parts.heading(
            sheet, y, texts.body_text(rng, int(rng.integers(6, 18))), sheet.em * float(rng.uniform(1.3, 2.2))
        )
    spread = sheet.width > sheet.height  # an open book
    columns = 2 if spread else int(rng.choice([1, 2], p=[0.65, 0.35]))
    gap, room = sheet.em * (5 if spread else 1.5), sheet.right - sheet.left
    for column in range(columns):
        x0 = sheet.left + column * (room + gap) / columns
        x1 = x0 + (room - gap * (columns - 1)) / columns
        here, spacing = y, float(rng.uniform(1.3, 1.7))
        while here < sheet.height * 0.9:
            draw, left_over = rng.random(), sheet.height * 0.93 - here
            if draw < 0.2 and left_over > sheet.em * 10:
                height = min(left_over - sheet.em * 3, (x1 - x0) * float(rng.uniform(0.3, 0.75)))
                inset = (x1 - x0) * (float(rng.uniform(0, 0.25)) if columns == 1 else 0.0)
                here = parts.figure(sheet, assets.fields, here, height, x0=x0 + inset, x1=x1 - inset)
            elif draw < 0.28 and left_over > sheet.em * 14:
                here = parts.table(sheet, here, int(rng.integers(3, 6)), int(rng.integers(2, 6)), x0=x0, x1=x1)
            elif draw < 0.4:
                number = f"{rng.integers(1, 9)}.{rng.integers(1, 9)} "
                box = sheet.write(
                    x0,
                    here,
                    number + texts.body_text(rng, int(rng.integers(3, 9))),
                    sheet.em * 1.1,
                    "heavy",
                    room=x1 - x0,
                )
                sheet.note("paragraph_title", *box)
                here += sheet.em * 1.9
            else:
                here = parts.paragraph(sheet, here, int(rng.integers(2, 8)), x0=x0, x1=x1, kind=latin, spacing=spacing)
    sheet.anchor(sheet.width * float(rng.uniform(0.4, 0.85)), sheet.height * float(rng.uniform(0.5, 0.9)))
    parts.running_head(sheet)


def english(sheet: Sheet, assets: PageAssets) -> None:
    """A character or certificate in Latin script."""
    rng, em = sheet.rng, sheet.em
    y = sheet.height * float(rng.uniform(0.06, 0.14))
    sheet.note(
        "doc_title",
        *sheet.write(
            sheet.width / 2, y, texts.latin_company(rng), em * 1.5, "latin", align=0.5, room=sheet.right - sheet.left
        ),
    )
    y += em * 3
    for _ in range(int(rng.integers(2, 5))):
        sheet.running(sheet.left, y, em * float(rng.uniform(6, 16)), em, "latin")
        y += em * 1.5
    while y < sheet.height * float(rng.uniform(0.5, 0.75)):
        y = parts.paragraph(sheet, y + em * 0.6, int(rng.integers(2, 6)), kind="latin", spacing=1.4, indent=0)
    if rng.random() < 0.4:
        y = parts.table(sheet, y + em, int(rng.integers(3, 6)), int(rng.integers(3, 6)))
    x = sheet.left + (sheet.right - sheet.left) * float(rng.choice([0.0, 0.55]))
    for _ in range(3):
        sheet.running(x, y + em, em * float(rng.uniform(5, 12)), em, "latin")
        y += em * 1.5
    sheet.anchor(x + em * 4, y)


def handwriting(sheet: Sheet, assets: PageAssets) -> None:
    """A sheet of ruled or plain paper written by hand."""
    rng = sheet.rng
    em, y = sheet.em * float(rng.uniform(1.3, 2.0)), sheet.height * float(rng.uniform(0.06, 0.12))
    spacing = float(rng.uniform(1.4, 1.8))
    tone: Colour | None = (
        ((60, 60, 200), (180, 140, 90), (150, 150, 150))[int(rng.integers(3))] if rng.random() < 0.65 else None
    )
    if rng.random() < 0.5:
        box = sheet.write(
            sheet.width / 2,
            y,
            texts.pick(rng, ("申请书", "借条", "收条", "保证书", "请假条", "证明")),
            em * 1.4,
            "hand",
            align=0.5,
        )
        sheet.note("doc_title", *box)
        y += em * 2.4
    top, slant = y, float(rng.normal(0, 0.004)) * sheet.width
    while y < sheet.height * float(rng.uniform(0.6, 0.95)):
        indent = 2 * em if rng.random() < 0.25 else 0.0
        share = float(rng.uniform(0.2, 0.9)) if rng.random() < 0.2 else 1.0
        for a in np.linspace(sheet.left + indent, sheet.right, 4)[:-1]:  # lines wander off their rule
            sheet.running(
                a,
                y + slant * (a / sheet.width),
                (sheet.right - sheet.left - indent) / 3 * min(1.0, share + 0.3),
                em,
                "hand",
            )
        if tone is not None:
            sheet.rule(sheet.left, y + em * 1.3, sheet.right, y + em * 1.3, 1.0, tone)
        y += em * spacing
    sheet.note("text", sheet.left, top, sheet.right, y)
    sheet.write(sheet.right - em * 7, y, date_or_name(rng), em, "hand")
    sheet.anchor(sheet.right - em * 4, y)


def date_or_name(rng: Rng) -> str:
    """A random date or personal name."""
    return texts.person(rng) if rng.random() < 0.5 else parts.date_text(rng)


def specimen(sheet: Sheet, assets: PageAssets) -> None:
    """A sheet on which seals are shown, each with a caption; little else."""
    rng, em = sheet.rng, sheet.em * 1.3
    y = sheet.height * float(rng.uniform(0.06, 0.14))
    if rng.random() < 0.6:
        y = (
            parts.heading(sheet, y, texts.pick(rng, ("印鉴卡", "印章使用登记", "预留印鉴", "印模备案表")), em * 1.6)
            + em
        )
    columns = int(rng.integers(1, 4))
    pitch = (sheet.right - sheet.left) / columns
    while y < sheet.height * 0.85:
        for column in range(columns):
            x = sheet.left + (column + 0.5) * pitch
            sheet.anchor(x, y + pitch * 0.35)
            caption = texts.pick(rng, ("公司公章", "财务章", "法人代表章", "合同章", "发票章", "预留印鉴", "（盖章）"))
            style = "hand" if rng.random() < 0.6 else "print"
            sheet.write(x, y + pitch * 0.75, caption, em, style, align=0.5)
        y += pitch * 0.75 + em * 3
        if rng.random() < 0.5:
            y = parts.paragraph(sheet, y, 1)


KINDS: dict[str, tuple[Callable[[Sheet, PageAssets], None], tuple[float, float], tuple[float, float]]] = {
    "contract": (contract, (0.66, 0.76), (0.0115, 0.0175)),
    "notice": (notice, (0.66, 0.76), (0.014, 0.02)),
    "character": (character, (0.66, 0.8), (0.014, 0.021)),
    "certificate": (certificate, (0.66, 1.5), (0.013, 0.02)),
    "invoice": (invoice, (1.4, 1.62), (0.0175, 0.02)),
    "form": (form, (0.66, 0.85), (0.012, 0.017)),
    "statement": (statement, (0.62, 1.45), (0.012, 0.019)),
    "receipt": (receipt, (0.32, 0.6), (0.017, 0.026)),
    "article": (article, (0.64, 1.5), (0.0095, 0.015)),
    "english": (english, (0.66, 0.8), (0.011, 0.016)),
    "handwriting": (handwriting, (0.66, 0.9), (0.014, 0.02)),
    "specimen": (specimen, (0.7, 1.5), (0.016, 0.024)),
}
"""Name -> how it is drawn, range of width / height, range of the print's em as a share of the long side."""
