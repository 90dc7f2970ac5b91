"""PDFs that ask for more memory or time than a page is worth, a few hundred bytes each."""

from __future__ import annotations

_FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 100 100]"


def pdf(objects: list[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))


def stream(head: bytes, body: bytes) -> bytes:
    return b"<<" + head + b"/Length %d>>stream\n" % len(body) + body + b"\nendstream"


def pages(*contents: bytes) -> bytes:
    """Pages of 100 x 100 points; the form F, which draws itself twice, is there for all."""
    first = 4
    kids = b" ".join(b"%d 0 R" % (first + 2 * n) for n in range(len(contents)))
    form = stream(_FORM + b"/Resources<</XObject<</F 3 0 R>>>>", b"/F Do /F Do")
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(contents)), form]
    for n, content in enumerate(contents):
        own = b"/Resources<</XObject<</F 3 0 R>>>>/Contents %d 0 R" % (first + 2 * n + 1)
        objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]" + own + b">>", stream(b"", content)]
    return pdf(objects)


BOMB = b"/F Do"
SQUARE = b"0 0 1 rg 10 10 50 50 re f"


def nested_forms(depth: int = 8, width: int = 12) -> bytes:
    """A page that draws a form, which draws a form `width` times, and so on."""
    inner = [
        stream(_FORM + b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + level), b"/F Do " * width)
        for level in range(depth - 1)
    ]
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>/Contents 4 0 R>>",
            stream(b"", BOMB),
            *inner,
            stream(_FORM, b"0 0 5 5 re f"),
        ]
    )
