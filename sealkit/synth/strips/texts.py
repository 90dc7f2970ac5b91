"""Seals with texts that random seals show too rarely to be learnt from: codes, accents, traditional, rare, dates."""

# ruff: noqa: SIM905 (words are easier to read and to extend as text than as a list of literals)
from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from sealkit import vocabulary
from sealkit.drawing.fonts import Face
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import NAME, RING, FontBook
from sealkit.synth.seals.design import Design, centre_mark, draw_borders, ring_text, straight
from sealkit.synth.seals.layout import Line, set_column
from sealkit.synth.seals.settings import SPECIAL_KINDS

Rng = np.random.Generator

# fmt: off
_WORDS = {
    "french": (
        "SOCIÉTÉ GÉNÉRALE COMPAGNIE ÉTABLISSEMENTS FRÈRES CONSEIL RÉGIONAL PRÉFECTURE MAIRIE DÉPARTEMENT SCIÉRIE "
        "BÂTIMENT HÔPITAL CHÂTEAU ÎLE NOËL FRANÇAISE LIBERTÉ ÉGALITÉ FRATERNITÉ DIRECTEUR CABINET MÉDICAL PARIS LYON "
        "ORLÉANS BESANÇON ET DE LA DU SARL S.A. PHARMACIE ÉCOLE LYCÉE COLLÈGE NOTAIRE GREFFE TRIBUNAL REÇU PAYÉ"
    ),
    "german": (
        "GESELLSCHAFT FÜR MÜNCHEN KÖLN DÜSSELDORF NÜRNBERG ÄRZTEKAMMER BÜRO PRÜFUNG BEHÖRDE STRASSE GEMEINDE STADT "
        "Straße Geprüft Gültig Büro Köln Größe STANDESAMT NOTAR GMBH AG KG BANK SPARKASSE BÄCKEREI MÖBEL GRÜN ZÜRICH "
        "WÜRTTEMBERG THÜRINGEN UNIVERSITÄT FAKULTÄT GESCHÄFTSFÜHRER BEZAHLT EINGEGANGEN KREIS ÖFFENTLICHER"
    ),
    "spanish": (
        "COMPAÑÍA ESPAÑOLA MINISTERIO DIRECCIÓN GENERAL EDUCACIÓN CONSTRUCCIÓN ADMINISTRACIÓN MÉXICO BOGOTÁ LOGROÑO "
        "MÁLAGA CÓRDOBA ASOCIACIÓN NACIONAL INGENIERÍA TECNOLOGÍA PÚBLICA NOTARÍA REGISTRO CIVIL S.A. DE C.V. AÑO"
    ),
    "portuguese": (
        "COMÉRCIO INDÚSTRIA SÃO PAULO CARTÓRIO REPÚBLICA ASSOCIAÇÃO CONSTRUÇÃO SERVIÇOS LTDA PREFEITURA CÂMARA "
        "MUNICIPAL SECRETARIA EDUCAÇÃO SAÚDE TABELIÃO REGISTRO ELÉTRICA MÓVEIS"
    ),
    "polish": (
        "SPÓŁKA ZARZĄD URZĄD GMINY MIASTA ŁÓDŹ GDAŃSK KRAKÓW POZNAŃ WROCŁAW PRZEDSIĘBIORSTWO USŁUGOWE KSIĘGOWOŚĆ SĄD "
        "REJONOWY PAŃSTWOWY ŻYWNOŚĆ"
    ),
    "indonesian": (
        "PEMERINTAH KABUPATEN KOTA DINAS PENDIDIKAN KEPALA DESA KECAMATAN PT. CV. JAYA MANDIRI SEJAHTERA ABADI "
        "INDONESIA JAKARTA SURABAYA BANDUNG LUNAS DITERIMA KOPERASI YAYASAN SEKOLAH MENENGAH"
    ),
    "english": (
        "COMPANY LIMITED INCORPORATED APPROVED RECEIVED PAID CONFIDENTIAL DRAFT COPY ORIGINAL CERTIFIED TRUE NOTARY "
        "PUBLIC STATE OF SEAL CORPORATE BANK TRUST Department Registered Office Quality Control PASSED CHECKED "
        "INVOICE CUSTOMS SINGAPORE LONDON DELHI ACCOUNTS FINANCE HUMAN RESOURCES UNIVERSITY COLLEGE HOSPITAL"
    ),
}
_STAMPS = (
    "收讫 付讫 验讫 已审核 已付款 现金收讫 转账付讫 复印无效 与原件一致 作废 合格 检验合格 APPROVED PAID RECEIVED COPY "
    "ORIGINAL VOID URGENT 受控 正本 副本"
).split()
# fmt: on
_VOWELS = ("A", "E", "I", "O", "U", "Y")
_ONSETS = (*"BCDFGHJKLMNPQRSTVWXZ", "BR", "CL", "DR", "GR", "KL", "PR", "ST", "TR", "SCH", "TH")
_CODAS = (*"BCDFGKLMNPQRSTXZ", "CH", "LD", "NG", "RT")


def latin_text(rng: Rng) -> str:
    """One to five words of one language, with its accents, some of them invented; capitals as a rule."""
    language = str(rng.choice(list(_WORDS)))
    options = _WORDS[language].split()
    invented = 0.6 if rng.random() < 0.5 else 0.0
    words = [
        invented_word(rng) if rng.random() < invented else texts.pick(rng, options)
        for _ in range(int(rng.integers(1, 6)))
    ]
    if rng.random() < 0.1:
        words.append(f"No. {texts.digits(rng, int(rng.integers(2, 6)))}")
    text = " ".join(words)
    if rng.random() < 0.15:
        text = text.title()
    return text[:36].strip()


def invented_word(rng: Rng) -> str:
    """A pronounceable word of 3 to 14 capitals that no language has, as names of companies are.

    Every consonant is as likely as any other: a Q or a W is read by its strokes, not by the words that are common.
    """
    word = texts.pick(rng, _VOWELS) if rng.random() < 0.25 else ""
    while len(word) < 3 or rng.random() < 0.45:
        vowel = texts.pick(rng, _VOWELS)
        onset = texts.pick(rng, _ONSETS)
        if onset == "Q" and rng.random() < 0.6:
            onset = "QU"
        word += onset + (vowel if rng.random() < 0.95 else vowel + vowel)
        if rng.random() < 0.3:
            word += texts.pick(rng, _CODAS)
    return word[:14]


def date_text(rng: Rng) -> str:
    """A date, a number or a short stamp, as daters and counters print them."""
    year, month, day = 1995 + int(rng.integers(40)), 1 + int(rng.integers(12)), 1 + int(rng.integers(28))
    draw = rng.random()
    if draw < 0.3:
        return f"{year}年{month}月{day}日" if rng.random() < 0.5 else f"{year}年{month:02d}月{day:02d}日"
    if draw < 0.6:
        mark = texts.pick(rng, "-./")
        return f"{year}{mark}{month:02d}{mark}{day:02d}"
    if draw < 0.75:
        return f"NO.{texts.digits(rng, int(rng.integers(4, 9)))}" if rng.random() < 0.5 else f"({rng.integers(1, 100)})"
    return texts.pick(rng, _STAMPS)


@lru_cache(maxsize=1)
def big5_characters() -> str:
    """The 5,401 characters of Big5 level 1, by strokes."""
    found = []
    for row in range(0xA4, 0xC7):
        for cell in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            try:
                found.append(bytes((row, cell)).decode("big5"))
            except UnicodeDecodeError:  # the last row is not full
                continue
    return "".join(found)


def traditional_text(rng: Rng) -> str:
    """A name in traditional characters, or characters of Big5 that make no sense together."""
    draw = rng.random()
    if draw < 0.55:
        text = vocabulary.traditional(texts.company(rng) if rng.random() < 0.7 else texts.organisation(rng))
        return text.replace("（", "").replace("）", "")[:18]
    if draw < 0.7:
        return vocabulary.traditional(texts.purpose(rng))
    return "".join(texts.pick(rng, big5_characters()) for _ in range(int(rng.integers(3, 13))))


def rare_text(rng: Rng) -> str:
    """Names with characters of GB2312 level 2, and characters that make no sense together."""
    if rng.random() < 0.5:
        return texts.random_characters(rng, int(rng.integers(3, 15)))
    name = list(texts.company(rng))
    rare = texts.gb2312_characters(2) if rng.random() < 0.6 else texts.gb2312_characters(1)
    for place in rng.choice(len(name), min(int(rng.integers(1, 5)), len(name)), replace=False):
        if name[int(place)] not in "（）":
            name[int(place)] = texts.pick(rng, rare)
    return "".join(name)


_TEXTS = {"latin": latin_text, "traditional": traditional_text, "rare": rare_text, "date": date_text}


def special_design(rng: Rng, book: FontBook, kinds: Mapping[str, float]) -> Design:
    """A seal that shows one of these texts; what else is on it is of no interest and there for its neighbourhood.

    Args:
        kinds: weight of each kind of text, as `StripSettings.special_kinds` names them.
    """
    names = [name for name in SPECIAL_KINDS if kinds.get(name, 0.0) > 0]
    limits = np.cumsum([kinds[name] for name in names])
    kind = names[min(int(np.searchsorted(limits, rng.random() * limits[-1], side="right")), len(names) - 1)]
    if kind == "code":
        return _with_code(rng, book)
    text = _TEXTS[kind](rng)
    if kind != "latin" and not text.isascii() and len(text) <= 12 and rng.random() < 0.2:
        return _columns(rng, book, text)
    return _box(rng, book, text) if kind == "date" or rng.random() < 0.25 else _ring(rng, book, text)


def _with_code(rng: Rng, book: FontBook) -> Design:
    """A round seal with a number at its foot, or in the middle of an oval."""
    design = Design("circle", 1.0)
    design.borders, inner = draw_borders(rng, "circle", 1.0)
    height = rng.uniform(0.09, 0.17)
    number = texts.code(rng) if rng.random() < 0.85 else texts.tax_number(rng)
    if rng.random() < 0.8:
        outer = inner - rng.uniform(0.015, 0.05)
        arc = rng.uniform(60, 150)
        design.lines.append(ring_text(rng, book, number, 1.0, 1.0, outer, height, arc, inward=True, role="code"))
    else:
        design.lines.append(straight(rng, book, number, rng.uniform(-0.1, 0.5), height, 1.5, role="code"))
    return design


def _ring(rng: Rng, book: FontBook, text: str) -> Design:
    shape = "circle" if rng.random() < 0.8 else "oval"
    b = 1.0 if shape == "circle" else rng.uniform(0.6, 0.85)
    design = Design(shape, b)
    design.borders, inner = draw_borders(rng, shape, b)
    latin = _is_latin(text)
    height = rng.uniform(0.13, 0.26) if latin else rng.uniform(0.22, 0.4)
    outer = inner - rng.uniform(0.02, 0.06)
    inward = bool(rng.random() < (0.3 if latin else 0.12))
    span = rng.uniform(110, 180) if inward else rng.uniform(150, 300)
    face = _latin_face(rng, book, text) if latin else None
    line = ring_text(rng, book, text, 1.0, b, outer, height * b, span, face=face, inward=inward)
    design.lines.append(line)
    if rng.random() < 0.6:
        design.marks = centre_mark(rng, (outer - height) * b * rng.uniform(0.5, 0.8))
    return design


def _box(rng: Rng, book: FontBook, text: str) -> Design:
    """A straight line in a frame, or without one."""
    b = rng.uniform(0.16, 0.4)
    design = Design("rectangle", b)
    if rng.random() < 0.75:
        design.borders, _ = draw_borders(rng, "rectangle", b)
    face = _latin_face(rng, book, text) if _is_latin(text) else None
    height = 2 * b * rng.uniform(0.45, 0.68)
    squeeze = rng.uniform(0.7, 1.1)
    design.lines.append(straight(rng, book, text, 0.0, height, 1.8, role="other", face=face, squeeze=squeeze))
    return design


def _columns(rng: Rng, book: FontBook, text: str) -> Design:
    """Columns of a square name seal, from the right."""
    design = Design("square", 1.0)
    design.borders, inner = draw_borders(rng, "square", 1.0)
    face = book.choose(rng, text, NAME if rng.random() < 0.5 else RING, bold=True)
    count = 1 if len(text) <= 2 else 2 if len(text) <= 8 else 3
    edge = inner - rng.uniform(0.01, 0.07)
    width = 2 * edge / count
    parts = np.array_split(np.arange(len(text)), count)
    lines: list[Line] = []
    for column, part in enumerate(parts):
        piece = text[int(part[0]) : int(part[-1]) + 1]
        x = edge - width * (column + 0.5)
        fill = rng.uniform(0.2, 1.0)
        lines.append(set_column(piece, face, x, -edge, width, 2 * edge, fill=fill, rng=rng, role="name"))
    design.lines = lines
    return design


def _latin_face(rng: Rng, book: FontBook, text: str) -> Face:
    """A sans serif face or, as often, any upright one."""
    return book.latin(rng, text) if rng.random() < 0.5 else book.latin_text(rng, text)


def _is_latin(text: str) -> bool:
    return not any(char >= "\u2e80" for char in text)


__all__ = [
    "big5_characters",
    "date_text",
    "invented_word",
    "latin_text",
    "rare_text",
    "special_design",
    "traditional_text",
]
