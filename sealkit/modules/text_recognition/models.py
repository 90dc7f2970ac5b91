"""The models of text recognition. The tables are literal; networks are imported when one is built."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sealkit.modules.base import ModelInput, ModelSpec, PublishedCharset
from sealkit.modules.text_recognition.networks.architectures import ARCHITECTURES

MODULE = "text_recognition"


DICTIONARIES: dict[str, PublishedCharset] = {
    "v6": PublishedCharset("ppocrv6_dict.txt", 18708),
    "v6_tiny": PublishedCharset("ppocrv6_tiny_dict.txt", 6904),
    "v5": PublishedCharset("ppocrv5_dict.txt", 18383),
    "v4_doc": PublishedCharset("ppocrv4_doc_dict.txt", 15629),
    "v1": PublishedCharset("ppocr_keys_v1.txt", 6623),
    "en": PublishedCharset("en_dict.txt", 95, lists_space=True),
    "korean": PublishedCharset("korean_dict.txt", 3688, lists_space=True),
    "japan": PublishedCharset("japan_dict.txt", 4399, lists_space=True),
    "chinese_cht": PublishedCharset("chinese_cht_dict.txt", 8421, lists_space=True),
    "te": PublishedCharset("te_dict.txt", 151),
    "ka": PublishedCharset("ka_dict.txt", 153, lists_space=True),
    "ta": PublishedCharset("ta_dict.txt", 128, lists_space=True),
    "latin": PublishedCharset("latin_dict.txt", 185, lists_space=True),
    "arabic": PublishedCharset("arabic_dict.txt", 161, reverse_runs=True),
    "cyrillic": PublishedCharset("cyrillic_dict.txt", 163, lists_space=True),
    "devanagari": PublishedCharset("devanagari_dict.txt", 167, lists_space=True),
}

# name: architecture, dictionary ("" for a model of which nothing is published: no characters, no weights), parameters
# (without a dictionary: with _CLASSES classes)
_Row = tuple[str, str, int]
_CLASSES = 1000
_ROWS: dict[str, _Row] = {
    "PP-OCRv6_tiny_rec": ("v6_tiny", "v6_tiny", 15_944_462),
    "PP-OCRv6_small_rec": ("v6_small", "v6", 29_270_246),
    "PP-OCRv6_medium_rec": ("v6_medium", "v6", 55_527_798),
    "PP-OCRv5_server_rec": ("v5_server", "v5", 51_662_017),
    "PP-OCRv5_mobile_rec": ("v4_mobile", "v5", 31_455_805),
    "PP-OCRv4_server_rec_doc": ("v4_server", "v4_doc", 45_544_311),
    "PP-OCRv4_server_rec": ("v4_server", "v1", 37_537_977),
    "PP-OCRv4_mobile_rec": ("v4_mobile", "v1", 21_001_165),
    "PP-OCRv3_mobile_rec": ("v3_mobile", "v1", 27_507_476),
    "ch_SVTRv2_rec": ("svtr_v2", "v1", 30_955_041),
    "ch_RepSVTR_rec": ("rep_svtr", "v1", 16_256_377),
    "en_PP-OCRv4_mobile_rec": ("v4_mobile", "en", 15_197_773),
    "en_PP-OCRv3_mobile_rec": ("v3_mobile", "en", 13_707_284),
    "korean_PP-OCRv3_mobile_rec": ("v3_mobile", "korean", 21_302_886),
    "japan_PP-OCRv3_mobile_rec": ("v3_mobile", "japan", 22_805_940),
    "chinese_cht_PP-OCRv3_mobile_rec": ("v3_mobile", "chinese_cht", 31_308_448),
    "te_PP-OCRv3_mobile_rec": ("v3_mobile", "te", 13_825_668),
    "ka_PP-OCRv3_mobile_rec": ("v3_mobile", "ka", 13_829_896),
    "ta_PP-OCRv3_mobile_rec": ("v3_mobile", "ta", 13_777_046),
    "latin_PP-OCRv3_mobile_rec": ("v3_mobile", "latin", 13_897_544),
    "arabic_PP-OCRv3_mobile_rec": ("v3_mobile", "arabic", 13_846_808),
    "cyrillic_PP-OCRv3_mobile_rec": ("v3_mobile", "cyrillic", 13_851_036),
    "devanagari_PP-OCRv3_mobile_rec": ("v3_mobile", "devanagari", 13_859_492),
}

# PP-OCRv5 by language: characters of its dictionary (PaddleOCR, ppocr/utils/dict/ppocrv5_*_dict.txt). The network is
# PP-OCRv5_mobile_rec's (there, configs/rec/PP-OCRv5/multi_language/).
_V5_LANGUAGES = {
    "korean": 11945,
    "latin": 836,
    "eslav": 517,
    "th": 524,
    "el": 354,
    "en": 436,
    "cyrillic": 850,
    "arabic": 747,
    "devanagari": 568,
    "te": 540,
    "ta": 513,
}
_V5_PARAMS = (15_111_540, 889)  # of PP-OCRv5_mobile_rec: without classes, and of each class


def _build(architecture: str, default_classes: int, classes: int | None = None, **options: Any) -> Any:
    from sealkit.modules.text_recognition.networks.architectures import build_recogniser

    return build_recogniser(architecture, default_classes if classes is None else classes, **options)


def builder(architecture: str, classes: int) -> Callable[..., Any]:
    """A `ModelSpec.build` with a default number of classes; what else it takes: `build_recogniser`."""
    return partial(_build, architecture, classes)


def _v5_row(language: str) -> _Row:
    fixed, each = _V5_PARAMS
    dictionary = f"v5_{language}"
    params = fixed + each * DICTIONARIES[dictionary].classes
    return "v4_mobile", dictionary, params


def spec_of(name: str, row: _Row) -> ModelSpec:
    """A row of the table as a model."""
    architecture, dictionary, params = row
    known = DICTIONARIES[dictionary] if dictionary else None
    published = () if known is None or "v6" in architecture else ("official",)
    return ModelSpec(
        name=name,
        module=MODULE,
        build=builder(architecture, _CLASSES if known is None else known.classes),
        params=params,
        architecture=architecture,
        input=ModelInput(48, None, multiple=8),
        charset=known,
        weights=("rapidocr",) if name == "PP-OCRv6_small_rec" else published,
        about=ARCHITECTURES[architecture].about,
    )


DICTIONARIES |= {
    f"v5_{language}": PublishedCharset(f"ppocrv5_{language}_dict.txt", characters, reverse_runs=language == "arabic")
    for language, characters in _V5_LANGUAGES.items()
}
_ROWS |= {f"{language}_PP-OCRv5_mobile_rec": _v5_row(language) for language in _V5_LANGUAGES}

MODELS: dict[str, ModelSpec] = {name: spec_of(name, row) for name, row in _ROWS.items()}
