"""What is written on seals: names, purposes, codes, drawn at random from the vocabulary.

Every function takes the generator it draws from, so that an image's texts depend on its seed alone.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sealkit import vocabulary as words

Rng = np.random.Generator


def pick(rng: Rng, options: list[str] | tuple[str, ...] | str) -> str:
    """One of the options (of the characters, when given a string)."""
    return options[int(rng.integers(len(options)))]


@lru_cache(maxsize=2)
def gb2312_characters(level: int) -> str:
    """The 3755 characters of GB2312 level 1 (common ones, by pronunciation) or the 3008 of level 2 (by radical)."""
    rows = range(0xB0, 0xD8) if level == 1 else range(0xD8, 0xF8)
    found = []
    for row in rows:
        for cell in range(0xA1, 0xFF):
            try:
                found.append(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:  # D7FA to D7FE are not assigned
                continue
    return "".join(found)


def random_characters(rng: Rng, count: int) -> str:
    """Characters that make no sense together: nothing can be guessed, and rare ones are met too."""
    common, rare = gb2312_characters(1), gb2312_characters(2)
    return "".join(pick(rng, rare if rng.random() < 0.12 else common) for _ in range(count))


def brand(rng: Rng) -> str:
    """A random brand name."""
    draw = rng.random()
    if draw < 0.3:
        return pick(rng, words.BRANDS)
    if draw < 0.88:
        return "".join(pick(rng, words.BRAND_CHARS) for _ in range(int(rng.choice([2, 2, 2, 3, 3, 4]))))
    return random_characters(rng, int(rng.integers(2, 4)))


def place(rng: Rng) -> str:
    """A random place: 北京, 北京市, 江苏省南京市, 昆山市, 西安高新, and the like."""
    draw = rng.random()
    if draw < 0.35:
        return pick(rng, words.CITIES)
    if draw < 0.52:
        return pick(rng, words.CITIES) + "市"
    if draw < 0.66:
        return pick(rng, words.PROVINCES)
    if draw < 0.74:
        return pick(rng, words.PROVINCES[4:26]) + "省"
    if draw < 0.8:
        return pick(rng, words.PROVINCES[4:26]) + "省" + pick(rng, words.CITIES) + "市"
    if draw < 0.93:
        return pick(rng, words.COUNTIES)
    return pick(rng, words.CITIES) + pick(rng, words.DISTRICT_LIKE)


def company(rng: Rng) -> str:
    """A company's full name, 6 to about 24 characters."""
    draw = rng.random()
    trade = pick(rng, words.TRADES)
    form = pick(rng, words.COMPANY_FORMS)
    where = place(rng)
    if draw < 0.12:
        return brand(rng) + trade + form
    if draw < 0.2:
        return f"{brand(rng)}（{pick(rng, words.CITIES)}）{trade}{form}"
    if draw < 0.24:
        return where + brand(rng) + pick(rng, words.TRADES) + trade + form
    if draw < 0.29:
        return where + brand(rng) + trade + form + pick(rng, words.CITIES) + "分公司"
    return where + brand(rng) + trade + form


def organisation(rng: Rng) -> str:
    """A government office, school, hospital or association."""
    where = pick(rng, words.COUNTIES) if rng.random() < 0.45 else pick(rng, words.CITIES) + "市"
    if rng.random() < 0.2:
        where = pick(rng, words.PROVINCES[4:26]) + "省" + (where if rng.random() < 0.3 else "")
    if rng.random() < 0.15:
        where = where + brand(rng)[:2] + pick(rng, ("镇", "乡", "街道", "区"))
    return where + pick(rng, words.OFFICES if rng.random() < 0.6 else words.INSTITUTIONS)


def owner(rng: Rng) -> str:
    """The text of a seal's ring."""
    draw = rng.random()
    if draw < 0.66:
        return company(rng)
    if draw < 0.8:
        return organisation(rng)
    if draw < 0.87:
        return brand(rng) + pick(rng, words.TRADES)[:2] + "有限公司"
    return random_characters(rng, int(rng.integers(4, 21)))


def purpose(rng: Rng) -> str:
    """A random purpose line such as 合同专用章."""
    draw = rng.random()
    if draw < 0.8:
        return pick(rng, words.PURPOSES)
    if draw < 0.9:
        return random_characters(rng, int(rng.integers(3, 8)))
    return random_characters(rng, int(rng.integers(2, 5))) + "专用" + ("章" if rng.random() < 0.6 else "")


def second_line(rng: Rng) -> str:
    """A random second line of a seal."""
    draw = rng.random()
    if draw < 0.5:
        return pick(rng, words.SECOND_LINES)
    return random_characters(rng, int(rng.integers(2, 6))) if draw < 0.75 else digits(rng, int(rng.integers(1, 5)))


def square_stamp(rng: Rng) -> str:
    """A random text of a square stamp."""
    return pick(rng, words.SQUARE_STAMPS)


def digits(rng: Rng, count: int) -> str:
    """That many random digits."""
    return "".join(pick(rng, "0123456789") for _ in range(count))


def code(rng: Rng) -> str:
    """The number at the foot of a ring: 13 digits as a rule (6 of the area, 7 of the register)."""
    draw = rng.random()
    if draw < 0.8:
        return pick(rng, "123456") + digits(rng, 12)
    if draw < 0.9:
        return pick(rng, "123456") + digits(rng, int(rng.integers(5, 12)))
    return digits(rng, int(rng.integers(14, 19)))


def tax_number(rng: Rng) -> str:
    """15 digits (before 2015) or 18 digits and characters (unified social credit code)."""
    if rng.random() < 0.45:
        return pick(rng, "123456") + digits(rng, 14)
    tail = "".join(
        pick(rng, "0123456789ABCDEFGHJKLMNPQRTUWXY" if rng.random() < 0.35 else "0123456789") for _ in range(9)
    )
    return "91" + digits(rng, 7) + tail


def person(rng: Rng) -> str:
    """A random Chinese personal name."""
    surname = pick(rng, words.DOUBLE_SURNAMES) if rng.random() < 0.05 else pick(rng, words.SURNAMES)
    return surname + "".join(pick(rng, words.GIVEN_CHARS) for _ in range(1 if rng.random() < 0.25 else 2))


def latin_company(rng: Rng) -> str:
    """A random company name in Latin characters."""
    parts = [pick(rng, words.LATIN_PLACES)] if rng.random() < 0.7 else []
    parts += [pick(rng, words.LATIN_WORDS) for _ in range(int(rng.integers(1, 3)))]
    if rng.random() < 0.8:
        parts.append(pick(rng, words.LATIN_TRADES))
    parts.append(pick(rng, words.LATIN_FORMS))
    return " ".join(parts)


def latin_owner(rng: Rng) -> str:
    """Who has a Latin seal: an office, a company, an association."""
    draw = rng.random()
    if draw < 0.4:
        return f"{pick(rng, words.LATIN_OFFICES)} {pick(rng, words.LATIN_TOWNS)}"
    if draw < 0.7:
        return f"{pick(rng, words.LATIN_WORDS)} {pick(rng, words.LATIN_WORDS)} {pick(rng, words.LATIN_TRADES)}"
    return latin_company(rng)


def latin_office(rng: Rng) -> str:
    """What stands along the foot of a Latin seal: a department, a town, a state."""
    draw = rng.random()
    if draw < 0.4:
        return pick(rng, words.LATIN_DEPARTMENTS)
    town = pick(rng, words.LATIN_TOWNS)
    return town if draw < 0.6 else f"{pick(rng, ('BRANCH', 'STATE OF', 'CITY OF', 'KOTA', 'PROVINSI'))} {town}"


def latin_line(rng: Rng) -> str:
    """A line in the middle of a Latin seal: a word, a name, a number, a date."""
    draw = rng.random()
    if draw < 0.3:
        return pick(rng, words.LATIN_STATES)
    if draw < 0.5:
        return f"{pick(rng, words.LATIN_GIVEN_NAMES)} {pick(rng, words.LATIN_TOWNS).split()[0]}"
    if draw < 0.65:
        return f"No. {digits(rng, int(rng.integers(2, 6)))}"
    if draw < 0.8:
        return f"{rng.integers(1, 29)} {pick(rng, words.MONTHS)} {rng.integers(2005, 2030)}"
    return pick(rng, words.LATIN_TOWNS) + pick(rng, ("", "", " II", " III", " 1"))


def body_text(rng: Rng, count: int) -> str:
    """About `count` characters of contract prose."""
    pieces, length = [], 0
    while length < count:
        piece = pick(rng, words.BODY_WORDS) + ("，" if rng.random() < 0.12 else "。" if rng.random() < 0.05 else "")
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)[:count]
