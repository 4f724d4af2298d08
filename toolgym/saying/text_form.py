"""One normal form for text: what looks the same to a reader compares as the same.

Full-width and compatibility letters, decomposed accents, the many dashes, quotes and spaces of Unicode, invisible
characters and digits of other scripts become their plain counterparts; a space or an apostrophe that groups digits by
thousands goes. Case, and everything that is ASCII, stays.
"""

import re
import unicodedata

__all__ = ["plain", "same_text"]

_NOTHING = "\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
_NOTHING += "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
_SUPERSCRIPTS = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
_SAME = str.maketrans(
    {
        **dict.fromkeys(_NOTHING, ""),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe58\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2014\u2015", " - "),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u0060\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        # NFKC would make 52 of 5 squared.
        **{char: f"^{digit}" for digit, char in enumerate(_SUPERSCRIPTS)},
    }
)
_GROUPED = re.compile(r"(?<=\d)[\u00a0\u2007\u2008\u2009\u200a\u202f'\u2019](?=\d{3}(?!\d))")
_OTHER_DIGIT = re.compile(r"[^\D\x00-\x7f]")
_MARKS = re.compile(r"[^\w\s\x00-\x7f]{31,}")


def plain(text: str) -> str:
    """The text in its normal form, in time linear in its length."""
    if text.isascii():
        return _GROUPED.sub("", text) if "'" in text else text
    # A run of accents is sorted by insertion, in quadratic time: one longer than any language writes is dropped.
    text = _MARKS.sub(_without_accents, _GROUPED.sub("", text).translate(_SAME))
    text = unicodedata.normalize("NFKC", text)
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


def _without_accents(run: re.Match[str]) -> str:
    return "".join(char for char in run[0] if not unicodedata.combining(char))


def same_text(a: str, b: str) -> bool:
    """Whether two texts have one normal form, case included."""
    return a == b or (not (a.isascii() and b.isascii()) and plain(a) == plain(b))
