"""Draw tests/geometry/glyphs.png: the characters the ring tests are drawn with, so that they need no font.

Run by hand after a change: `python tests/geometry/make_glyphs.py /usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc`.
Noto Serif CJK is under the SIL Open Font License 1.1, which lets documents and images made with it be spread freely.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

CHARACTERS = (
    "北京上海天津重庆广州深圳武汉南西安成都杭苏长沙大连青岛信恒盛泰达康瑞华联源通创新"
    "丰鑫科技贸易有限公司建筑工程食品息术传媒设计咨询物流实业集团发展服务"
)
EM = 44
PER_ROW = 12


def main(font: str) -> None:
    face = ImageFont.truetype(font, EM)
    rows = -(-len(CHARACTERS) // PER_ROW)
    sheet = Image.new("L", (PER_ROW * EM, rows * EM), 0)
    draw = ImageDraw.Draw(sheet)
    for i, char in enumerate(CHARACTERS):
        draw.text((i % PER_ROW * EM + EM / 2, i // PER_ROW * EM + EM / 2), char, 255, face, anchor="mm")
    levels = (np.asarray(sheet) // 17 * 17).astype(np.uint8)  # 16 grey levels compress well
    cv2.imwrite(str(Path(__file__).with_name("glyphs.png")), levels, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(sys.argv[1])
