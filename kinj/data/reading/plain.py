"""A text without its markup and with one form of each mark, so that words can be compared across formats."""

from __future__ import annotations

import html
import re
import unicodedata

BREAK = "\x1e"
"""Stands where markup ends a piece of text: a list item, a heading, a table cell."""

_SAME = str.maketrans(
    dict.fromkeys("’‘‛ʼʹ′`´", "'")
    | dict.fromkeys("“”„‟«»″「」『』", '"')
    | dict.fromkeys("–—―‒‐‑−﹣－", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f", None)
    | {"…": "...", "⁄": "/", "•": "*", "\r": None, BREAK: " "}
)
_BLOCK_TAG = re.compile(
    r"</?(?:p|li|ul|ol|dl|dt|dd|div|br|hr|h[1-6]|html|body|head|title|section|article|main|tr|td|th|table|thead|tbody|blockquote|pre)\b[^<>]*>",
    re.I,
)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp|ndash|mdash|deg);")
_ESCAPE = re.compile(r'\\([nrt"/\\])')
_ESCAPED = {"n": "\n", "r": " ", "t": " ", '"': '"', "/": "/", "\\": " "}
_HEAD = re.compile(r"^[^\S\n]*#{1,6}[^\S\n]", re.M)
_QUOTED_LINE = re.compile(r"^[^\S\n]*>(?:[^\S\n]*>)*", re.M)
_EMPHASIS_AT_LINE_END = re.compile(r"(?:\*{1,3}|~{2,}|={2,}|(?<=\w)_{1,2})(?=[^\S\n]*(?:\n|$))")
_BULLET = re.compile(r"^[^\S\n]*[-*+](?:[^\S\n]+\[[ xX]\])?[^\S\n]+", re.M)
_EMPHASIS = re.compile(r"\*{1,3}(?!\s*\d)|~{2,}|={2,}|(?<!\w)_+|_+(?!\w)|\|{2,}")
_KEY = re.compile(r'(?<=[{\[,\n])([^\S\n]*)"[a-z_]*[ _]?\d{0,3}"[^\S\n]*:|^"[a-z_]*[ _]?\d{0,3}"[^\S\n]*:')
_CITATION = re.compile(r"\[(?:\d{1,3}|[a-z]|(?:note|nb) \d+|citation needed|clarification needed|who\?|when\?|sic)\]")
_MARKUP = re.compile(r"[*_~=|#>\[]|(?:^|\n)[^\S\n]*[-+]")
_LABELS = (
    r"(?:[a-z]+\s)?(?:passage|version|variation|variant|rewrite|rephrasing|paraphrase)|line|sentence|item|step|point|fact|statement"
    r"|question|answer|implication|paragraph|example|q|a"
)
_ENUMERATOR = re.compile(
    rf"^(?P<before>[^\w\n]*)(?:(?P<label>{_LABELS})[\s\[(]{{0,2}})?(?P<number>\d{{1,3}})"
    r"(?:[\"\])*]{0,3}\s?[.):\]=>]+(?=[\s*\"A-Za-z]|$)|\s?[-=]+>?\s|(?(label)\W*$|(?!)))[^\S\n]*(?:\d{1,3}[.)]\s)?",
    re.M | re.I,
)
_INNER_LABEL = re.compile(r"(?<=\s)(?:Question|Answer|Q|A)[ .]?\d{1,3}:(?=\s)")
_LABEL = re.compile(r"^([^\w\n]*)\*\*([^*\n]*?[^*\n.,;!?:\s])(?::\*\*|\*\*:|\*\*(?=[^\S\n]*(?:\n|$|-\s)))", re.M)


def plain(text: str) -> str:
    """`text` without markup, list numbers and citation marks; apostrophes, quotes, dashes and spaces in one form each."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_SAME)
    else:
        text = text.replace(BREAK, " ").replace("\r", "").replace("`", "'")
    if "<" in text:
        text = _TAG.sub(" ", _BLOCK_TAG.sub(BREAK, text))
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: _ESCAPED[match[1]], text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]).translate(_SAME), text)
    if '":' in text:
        text = _KEY.sub(BREAK, text)
    text = _INNER_LABEL.sub(BREAK, _without_numbering(text))
    if not _MARKUP.search(text):
        return text
    if "**" in text:
        text = _LABEL.sub(rf"\1{BREAK}\2:{BREAK}", text)
    if "[" in text:
        text = _CITATION.sub(" ", text)
    if ">" in text:
        text = _QUOTED_LINE.sub(" ", text)
    if "#" in text:
        text = _HEAD.sub(BREAK, text)
    text = _EMPHASIS_AT_LINE_END.sub(BREAK, text)
    text = _EMPHASIS.sub(" ", _BULLET.sub(BREAK, text))
    return text.replace("|", BREAK)


def _without_numbering(text: str) -> str:
    """Takes off the numbers of list items: labelled ones, the first of a text, and those that count on from another.

    Only such numbers are layout. A year that a wrapped line begins with (`1998. She …`) does not count on from anything.
    """
    expected: set[int] = set()

    def blank(match: re.Match[str]) -> str:
        nonlocal expected
        number = int(match["number"])
        if not match["label"] and number > 1 and number not in expected and text[: match.start()].strip():
            return match[0]
        expected = {number, number + 1}
        return match["before"] + BREAK

    return _ENUMERATOR.sub(blank, text)
