"""Ruled documents: invoices, forms, statements, receipts."""

from __future__ import annotations

import numpy as np

from sealkit import vocabulary as words
from sealkit.synth.common import texts
from sealkit.synth.pages import blocks as parts
from sealkit.synth.pages import illustrations as images
from sealkit.synth.pages.blocks import PageAssets
from sealkit.synth.pages.sheet import Colour, Sheet
from sealkit.synth.seals.shapes import fill, outline_points


def invoice(sheet: Sheet, assets: PageAssets) -> None:
    """A wide form in one colour: code, title under an oval seal, buyer, goods, sums, seller, seal at the foot."""
    rng = sheet.rng
    tone: Colour = ((40, 110, 170), (30, 60, 150), (150, 90, 40), (70, 120, 40), (50, 50, 50))[int(rng.integers(5))]
    plain, pen = sheet.colour, tone
    sheet.margin = sheet.width * float(rng.uniform(0.035, 0.08))
    left, right, em = sheet.left, sheet.right, sheet.em
    y = sheet.height * float(rng.uniform(0.04, 0.08))
    if rng.random() < 0.65:
        parts.square_image(sheet, images.qr_code(rng, int(sheet.height * float(rng.uniform(0.11, 0.16)))), left, y)
    sheet.colour = pen
    title = texts.pick(rng, words.PROVINCES[4:26]) + texts.pick(
        rng, ("增值税专用发票", "增值税普通发票", "电子普通发票", "通用机打发票")
    )
    sheet.note(
        "doc_title", *sheet.write(sheet.width / 2, y, title, em * 1.9, "print", align=0.5, room=sheet.width * 0.5)
    )
    for offset in (2.5, 2.8):
        sheet.rule(sheet.width * 0.34, y + em * offset, sheet.width * 0.66, y + em * offset, em * 0.06)
    sheet.anchor(sheet.width / 2, y + em * 1.3, "oval")
    sheet.anchor(sheet.width / 2, y + em * 1.3, "oval")
    for row, label in enumerate(("发票代码：", "发票号码：", "开票日期：", "校 验 码：")[: int(rng.integers(2, 5))]):
        end = sheet.write(right - em * 12, y + row * em * 1.25, label, em * 0.9)[2]
        sheet.colour = plain
        sheet.number(end, y + row * em * 1.25, em * 0.9, room=em * 7)
        sheet.colour = pen
    top = y + em * float(rng.uniform(5.2, 6.2))
    foot = _invoice_grid(sheet, top, plain, pen)
    sheet.note("table", left, top, right, foot)
    for label, x in zip(("收款人：", "复核：", "开票人：", "销售方：（章）"), np.linspace(left, right - em * 9, 4)):
        end = sheet.write(float(x), foot + 0.4 * em, label, em * 0.9)[2]
        sheet.colour = plain
        sheet.write(end, foot + 0.4 * em, texts.person(rng), em * 0.9)
        sheet.colour = pen
    for _ in range(2):
        sheet.anchor(right - em * float(rng.uniform(4, 9)), foot - em * float(rng.uniform(-0.5, 3)), "oval", "circle")
    sheet.colour = plain
    if rng.random() < 0.3:  # sprocket holes
        radius = max(2, int(em * 0.3))
        hole = np.zeros((2 * radius + 1,) * 2, np.uint8)
        fill(hole, outline_points("circle", 1, 1) * radius + radius)
        for x in (em * 0.6, sheet.width - em * 1.2):
            for hole_y in np.arange(em, sheet.height - em, em * 2.2):
                sheet.put(hole, x, hole_y)


def _invoice_grid(sheet: Sheet, y: float, plain: Colour, pen: Colour) -> float:
    rng, em, left, right = sheet.rng, sheet.em, sheet.left, sheet.right
    width, top = em * float(rng.uniform(0.05, 0.12)), y
    party, goods, line = em * 5.4, em * float(rng.uniform(6, 11)), em * 1.3

    def block(y0: float, label: str) -> None:
        for k, char in enumerate(label):
            sheet.write(left + em * 0.9, y0 + 0.5 * em + k * em * 1.4, char, em * 0.9, align=0.5)
        sheet.rule(left + em * 1.8, y0, left + em * 1.8, y0 + party, width)
        for k, key in enumerate(("名    称：", "纳税人识别号：", "地址、电话：", "开户行及账号：")):
            end = sheet.write(left + em * 2.1, y0 + 0.2 * em + k * line, key, em * 0.85)[2]
            sheet.colour = plain
            if k == 1:
                sheet.write(end, y0 + 0.2 * em + k * line, texts.tax_number(rng), em * 0.95, "latin")
            else:
                sheet.running(end, y0 + 0.2 * em + k * line, em * float(rng.uniform(5, 14)), em * 0.85)
            sheet.colour = pen

    block(y, "购买方")
    split = left + (right - left) * float(rng.uniform(0.55, 0.66))
    sheet.rule(split, y, split, y + party, width)
    sheet.colour = plain
    for k in range(4):
        sheet.running(split + em * 2.2, y + 0.2 * em + k * line, right - split - em * 3, em * 0.95, "number")
    sheet.colour = pen
    y += party
    ruling = parts.Ruling(True, False, False, width, pen)
    rows = max(3, int(goods / (em * 1.7)))
    pitch = goods / rows / (em * 0.85)
    parts.table(sheet, y, rows, 7, px=em * 0.85, pitch=pitch, ruling=ruling, fill=0.3, noted=False)
    y += goods
    sheet.write(left + em, y + 0.3 * em, "价税合计（大写）", em * 0.9)
    sheet.running(left + em * 10, y + 0.3 * em, em * 9, em * 0.9)
    sheet.write(left + (right - left) * 0.66, y + 0.3 * em, "（小写）", em * 0.9)
    sheet.number(left + (right - left) * 0.75, y + 0.3 * em, em)
    sheet.rule(left, y + em * 1.9, right, y + em * 1.9, width)
    y += em * 1.9
    block(y, "销售方")
    y += party
    for row in (top, top + party, y - party):
        sheet.rule(left, row, right, row, width)
    sheet.frame(left, top, right, y, width * 1.3)
    return y


def form(sheet: Sheet, assets: PageAssets) -> None:
    """A title and a ruled form over most of the page."""
    rng = sheet.rng
    y = sheet.height * float(rng.uniform(0.05, 0.1))
    title = texts.pick(rng, ("申请表", "审批表", "登记表", "变更申请书", "验收单", "报销单", "备案表", "检验委托单"))
    y = parts.heading(
        sheet, y, texts.body_text(rng, int(rng.integers(2, 8))) + title, sheet.em * float(rng.uniform(1.4, 2.1))
    )
    if rng.random() < 0.6:
        y = parts.key_values(sheet, y, 1, 2)
    rows = int(rng.integers(6, 16))
    y = parts.form(sheet, y, rows, tall=float(rng.uniform(0.05, 0.3)))
    if y < sheet.height * 0.9 and rng.random() < 0.6:
        y = parts.paragraph(sheet, y, int(rng.integers(1, 4)), px=sheet.em * 0.8)
    if y < sheet.height * 0.88 and rng.random() < 0.5:
        parts.sign_off(sheet, y + sheet.em)
    parts.running_head(sheet)


def statement(sheet: Sheet, assets: PageAssets) -> None:
    """Mostly tables: accounts, lists of goods, results of a laboratory."""
    rng = sheet.rng
    y = sheet.height * float(rng.uniform(0.04, 0.09))
    title = texts.pick(rng, ("对账单", "检验报告单", "送货单", "报价单", "明细表", "检测报告", "工资表", "清单"))
    name = texts.organisation(rng) if rng.random() < 0.5 else texts.company(rng)
    y = parts.heading(sheet, y, name + title, sheet.em * float(rng.uniform(1.3, 2.0)))
    if rng.random() < 0.75:
        y = parts.key_values(sheet, y, int(rng.integers(1, 5)), int(rng.integers(2, 4)), px=sheet.em * 0.9)
    while True:
        rows = int(rng.integers(3, 26))
        if y + rows * sheet.em * 2.2 > sheet.height * 0.93:
            rows = int((sheet.height * 0.93 - y) / (sheet.em * 2.2))
        if rows < 3:
            break
        y = parts.table(sheet, y, rows, int(rng.integers(2, 9)))
        sheet.anchor(sheet.width * float(rng.uniform(0.3, 0.85)), y - sheet.em * float(rng.uniform(0, 6)))
        if rng.random() < 0.6:
            break
        y = parts.paragraph(sheet, y + sheet.em * 0.5, int(rng.integers(1, 3)))
    if y < sheet.height * 0.9:
        y = parts.key_values(sheet, y + sheet.em * 0.4, 1, 3, px=sheet.em * 0.9)
        if rng.random() < 0.6:
            parts.sign_off(sheet, y + sheet.em)
    parts.running_head(sheet)


def receipt(sheet: Sheet, assets: PageAssets) -> None:
    """A slip of a till or card terminal: a sign, short lines to both edges, dashed rules, sums."""
    rng, em = sheet.rng, sheet.em
    sheet.margin = sheet.width * float(rng.uniform(0.04, 0.1))
    y = em
    if rng.random() < 0.5:
        if rng.random() < 0.5:
            bar = int(em * 3)
            sheet.tint(sheet.left, y, sheet.right, y + bar, (40, 40, 40))
            y += bar + 0.5 * em
        side = int(em * 3)
        parts.square_image(sheet, images.logo(rng, assets.book, side), sheet.left, y)
        sheet.write(sheet.left + side * 1.2, y + em * 0.7, texts.pick(rng, words.BRANDS) + "银行", em * 1.6, "heavy")
        y += side + em
    y = parts.heading(
        sheet, y, texts.pick(rng, ("购物小票", "签购单", "收 据", "结账单", "回单", "缴费凭证")), em * 1.6
    )
    while y < sheet.height - em * 4:
        draw = rng.random()
        if draw < 0.12:
            for x in np.arange(sheet.left, sheet.right, em * 0.8):
                sheet.rule(x, y + 0.6 * em, x + em * 0.5, y + 0.6 * em, em * 0.08)
        elif draw < 0.5:
            end = sheet.write(sheet.left, y, texts.pick(rng, words.FORM_LABELS), em)[2]
            sheet.running(
                end,
                y,
                min(sheet.right - end, em * float(rng.uniform(2, 9))),
                em,
                "number" if rng.random() < 0.6 else "body",
            )
        else:
            sheet.running(
                sheet.left,
                y,
                (sheet.right - sheet.left) * float(rng.uniform(0.2, 0.55)),
                em,
                "latin" if rng.random() < 0.25 else "body",
            )
            sheet.number(sheet.right, y, em, 1.0, em * 6)
        y += em * float(rng.choice([1.35, 1.6]))
    sheet.note("text", sheet.left, em, sheet.right, y)
    sheet.anchor(sheet.width * 0.6, sheet.height * float(rng.uniform(0.3, 0.85)))
    if rng.random() < 0.25:
        side = int(sheet.width * 0.35)
        parts.square_image(sheet, images.qr_code(rng, side), sheet.width / 2 - side / 2, sheet.height - side - em)
