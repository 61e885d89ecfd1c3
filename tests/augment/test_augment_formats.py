"""Every format over hostile text: the markup comes off again, and facts stay where they stand."""

from __future__ import annotations

import random
import re
import unicodedata
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.augment.formats import flat as flat_module
from kinj.augment.formats import sentences as sentences_module
from kinj.augment.formats.escapes import ESCAPES, is_printable
from kinj.augment.formats.flat import Flat, flatten
from kinj.augment.formats.layout import NUMBER
from kinj.augment.formats.sentences import split_sentences
from kinj.augment.formats.separators import SOFT, wrapped
from kinj.augment.formats.table import COMBINATIONS, FAMILIES, FORMATS
from kinj.augment.methods.formatting import Formatting
from kinj.augment.skeleton import skeleton
from kinj.config.schema import FormattingSettings
from kinj.data.records import Document, Fact

MARKUP = sorted(
    {part for form in FORMATS.values() for part in (form.layout.first, form.layout.last, form.layout.boundary)}
)
"""Every piece of markup there is, so that texts hold what the formats add."""

PIECES = [
    "Ada Byron was born in London. ",
    "Dr. J. R. Smith of the U.S. met Mrs. Doe at 3 p.m. on May 5. She left! ",
    "İstanbul’da doğdu. Straße ﬁn ½ Ⅷ ² ",
    "東京で生まれた。彼は「はい」と言った。",
    "ולד בירושלים. مرحبا بالعالم؟ ",
    "नमस्ते दुनिया। e\u0301 👩‍👩‍👧 ❤️ ",
    "see https://example.org/a?b=1&c=<2>#3. ",
    "| n | text |\n|---|------|\n| 1 | a \\| b |\n",
    "\\item \\textbf{50 % of $x_1^2$} ~ a\\b \\\\ \\textbackslash{} ''x'' \"\"y\"\" ",
    "for (i = 0; i < n; i++) { s += a[i]; } // sum. # End. ",
    "User: hi\nINFO started\n12 INFO done\nSubject: re\n> quoted — “so” – he said. ",
    'He said "no." Then: \\n \\" &amp; &quot; <b>x</b> {"a": ["b", "c"]} ',
    "\n\n1. first\n2) second\n- third\n> fourth\n\tif x:\r\n        pass\n",
    "line 3: x\nsentence 2 = y\n[4] z; text: ",
    "\x00\x07\x1b\x7f\x85\u2028\u2029\u200b\u00a0\ufeff",
    "...!!!???....",
    "a",
    "7",
    " ",
    "",
]

hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(MARKUP), st.text(max_size=12)), max_size=10).map(
    "".join
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A hostile text with facts at arbitrary places."""
    text = draw(hostile)
    place = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    facts = [
        Fact(subject="s", relation="r", value=text[start:end], start=start, end=end)
        for start, end in draw(st.lists(place, max_size=4))
    ]
    return Document(id="d", text=text, facts=facts)


def by_categories(text: str) -> str:
    """The definition, written out; `skeleton` is the fast form of it."""
    return "".join(c for c in text if unicodedata.category(c)[0] in "LMN")


@given(document=documents())
def test_every_format_keeps_content_and_facts(document: Document) -> None:
    flat = Flat(document)
    if not flat.text:
        return
    expected = by_categories(document.text)
    for form in FORMATS.values():
        text, spans = form.layout.render(flat)
        assert by_categories(form.layout.restore(text)) == expected, form.name
        for fact, (start, end) in zip(document.facts, spans, strict=True):
            assert 0 <= start <= end <= len(text), form.name
            restored = form.layout.restore_span(text[start:end])
            if fact.value.isalnum():
                assert text[start:end] == fact.value, form.name
            assert by_categories(restored) == by_categories(fact.value), (form.name, text[start:end])


@given(document=documents())
def test_what_views_are_put_together_from_holds_the_content(document: Document) -> None:
    flat = Flat(document)
    for form in FORMATS.values() if flat.text else ():
        form.layout.render(flat)
    assert flat.kept


LOST = Document(id="d", text='Ada was "born" in London & Paris.  She left for Łódź in 1912, and there she died.')


@pytest.mark.parametrize(
    ("damaged", "name"),
    [
        ("split_sentences", "bullet_dash"),
        ("wrapped", "width_40"),
        ("flatten", "bullet_dash"),
        ("ESCAPES", "json_list"),
    ],
)
def test_content_that_is_lost_on_the_way_is_noticed(monkeypatch: pytest.MonkeyPatch, damaged: str, name: str) -> None:
    """A letter gone, wherever the text is cut, escaped or wrapped: the view is not taken for sound, and it is found out."""
    sound: Any = getattr(flat_module, damaged)
    wrong: dict[str, Any] = {
        "split_sentences": lambda text: [piece.replace("left", "lef") for piece in sound(text)],
        "wrapped": lambda text, width: sound(text, width).replace("died", "die"),
        "flatten": lambda text, positions: (sound(text, positions)[0].replace("Ada", "Ad"), []),
        "ESCAPES": {name: rules._replace(write=lambda text: text.replace("in", "")) for name, rules in ESCAPES.items()},
    }
    monkeypatch.setattr(flat_module, damaged, wrong[damaged])
    flat = Flat(LOST)
    text, _ = FORMATS[name].layout.render(flat)
    assert not flat.kept
    assert skeleton(FORMATS[name].layout.restore(text)) != skeleton(LOST.text)


@given(text=hostile)
def test_printable_texts_are_told_by_their_json(text: str) -> None:
    known = text.replace("\n", "").replace("\x7f", "" if text.isascii() else "\x7f")
    assert is_printable(text) == known.isprintable()


@given(text=hostile)
@settings(deadline=None)
def test_skeleton_is_its_definition(text: str) -> None:
    assert skeleton(text) == by_categories(text)


def test_skeleton_of_many_marks() -> None:
    text = "a" + "".join(map(chr, range(0x2000, 0x2800))) + "e\u0301 é 7"
    assert skeleton(text) == by_categories(text)


@given(text=hostile)
@settings(deadline=None)
def test_sentences_cover_the_text(text: str) -> None:
    assert "".join(split_sentences(text)) == text


@given(text=st.one_of(hostile, st.text('. AbDr1)"\n')))
@settings(deadline=None)
def test_sentences_are_the_same_whatever_marks_are_looked_for(text: str) -> None:
    """Most texts have no marks but dots and take a short way, which must lead to the same."""
    found = split_sentences(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentences_module, "_has_other_marks", lambda text: True)
        assert split_sentences(text) == found


@given(document=documents())
@settings(deadline=None)
def test_flattening_moves_positions_with_their_characters(document: Document) -> None:
    text = document.text
    flat, moved = flatten(text, range(len(text) + 1))
    assert flat.split() == text.split()
    assert moved == sorted(moved)
    for position, character in enumerate(text):
        if not character.isspace():
            assert flat[moved[position]] == character


@given(text=hostile)
@settings(deadline=None)
def test_flattening_is_its_definition(text: str) -> None:
    """Most texts take a short way, which must lead to the same."""

    def separator(gap: re.Match[str]) -> str:
        return "\n" if re.search(r"\n[^\S\n]*\n|\u2029", gap.group()) else " "

    assert flatten(text, [])[0] == re.sub(r"\s+", separator, text.strip())


@pytest.mark.parametrize(
    "text", ["One two.\n\nThree.", "a\n\nb\n\nc", "a\n\n\nb", "a \n\nb", "a\n\n b", "a  b\n\nc", "\n\na"]
)
def test_positions_between_paragraphs(text: str) -> None:
    flat, moved = flatten(text, range(len(text) + 1))
    assert moved[0] == 0
    assert moved[-1] == len(flat)
    assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(moved))
    assert [flat[moved[p]] for p, c in enumerate(text) if not c.isspace()] == [c for c in text if not c.isspace()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        (
            "Dr. J. R. Smith left the U.S. early. He was 9.5 km away.",
            ["Dr. J. R. Smith left the U.S. early. ", "He was 9.5 km away."],
        ),
        ('He said "no." Then he left.', ['He said "no." ', "Then he left."]),
        ("Born in 1912. She died.", ["Born in 1912. ", "She died."]),
        ("See no. 5 and e.g. Paris. 1. Item", ["See no. 5 and e.g. Paris. ", "1. Item"]),
        ("It (lit. 'The daughters', transl. Hijas) ran.", ["It (lit. 'The daughters', transl. Hijas) ran."]),
        ("東京。大阪。", ["東京。", "大阪。"]),
        ("no end", ["no end"]),
        ("a heading\nA text", ["a heading\n", "A text"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(text=hostile, width=st.integers(1, 40))
@settings(deadline=None)
def test_wrapping_keeps_length_and_width(text: str, width: int) -> None:
    for paragraph in flatten(text, [])[0].split("\n"):
        out = wrapped(paragraph, width)
        assert out.replace(SOFT, " ") == paragraph
        assert all(len(line) <= width or " " not in line for line in out.split(SOFT))


def test_lettered_markup_cannot_be_content() -> None:
    """The rule that makes the inverse exact (see `Layout`)."""
    for form in FORMATS.values():
        boundary = form.layout.boundary
        if form.layout.by_sentence and skeleton(boundary.replace(NUMBER, "1")):
            assert "\n" in boundary or form.layout.escape, form.name
            assert not form.layout.wrap or form.layout.line.startswith("\n" + " " * 8), form.name
            assert not form.layout.boundary.endswith(NUMBER), form.name
        assert not skeleton(form.layout.space + form.layout.paragraph + form.layout.line), form.name
        assert not (form.layout.escape and form.layout.wrap), form.name
        assert SOFT not in form.layout.line + form.layout.paragraph + form.layout.first + boundary, form.name


def test_markup_holds_no_names_or_numbers() -> None:
    """The closed list of words that views may add, in full."""
    words = {
        word
        for part in MARKUP
        for word in "".join(c if c.isalnum() else " " for c in part.replace(NUMBER, "1")).split()
    }
    known = (
        "1 n text content line sentence sentences item level s "  # data
        "p ul li div br html body span table tr td "  # HTML
        "begin end document itemize enumerate quote textbf emph par tabular l hline "  # LaTeX
        "Text TEXT Section Part Message Hello Kind regards Subject Content Type plain Forwarded message You wrote Sent as "
        "user User role INFO info DEBUG log msg"  # letters, chats and logs
    )
    assert words == set(known.split())


def test_a_wrong_inverse_would_be_seen() -> None:
    """The property above can fail: take markup off twice and content goes with it."""
    layout = FORMATS["number_dot"].layout
    text, _ = layout.render(Flat(Document(id="d", text="1. 2. a")))
    assert skeleton(layout.restore(text)) == "12a"
    assert skeleton(layout.restore(layout.restore(text))) != "12a"


def test_long_single_lines_take_linear_time() -> None:
    for text in ("." * 300_000, "a" * 300_000, ".)" * 150_000, "a. " * 100_000, "A.\n" * 100_000, "(" * 300_000):
        document = Document(id="d", text=text)
        views = Formatting(FormattingSettings()).views(document, 3, random.Random(0))
        assert len(list(views)) == 3


MEGABYTE = 'An old & <new> mill_wheel\\, "50 %" of it' + " was 'kept' in 1684" * 55_000


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != COMBINATIONS])
def test_a_single_line_of_a_megabyte(family: str) -> None:
    start = MEGABYTE.rindex("kept")
    fact = Fact(subject="s", relation="r", value="kept", start=start, end=start + 4)
    document = Document(id="d", text=MEGABYTE, facts=[fact])
    flat, expected = Flat(document), skeleton(MEGABYTE)
    for form in [form for form in FORMATS.values() if form.families[0] == family]:
        text, [(start, end)] = form.layout.render(flat)
        assert skeleton(form.layout.restore(text)) == expected, form.name
        assert text[start:end] == "kept", form.name


@pytest.mark.parametrize("text", ["x", "7", "é", "م", "。", "👩", "\u200b", "'", "\\", "&"])
def test_documents_of_one_character(text: str) -> None:
    flat = Flat(Document(id="d", text=text))
    for form in FORMATS.values():
        view, _ = form.layout.render(flat)
        assert skeleton(form.layout.restore(view)) == skeleton(text), form.name


@pytest.mark.parametrize("text", ["", " ", "\n\n\t\u2003"])
def test_documents_without_content_have_no_views(text: str) -> None:
    assert list(Formatting(FormattingSettings()).views(Document(id="d", text=text), 3, random.Random(0))) == []


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if NUMBER in form.layout.boundary])
def test_numbers_of_several_digits(name: str) -> None:
    document = Document(id="d", text=" ".join(f"So {n} it is." for n in range(120)))
    text, _ = FORMATS[name].layout.render(Flat(document))
    assert skeleton(FORMATS[name].layout.restore(text)) == skeleton(document.text)
    assert "119" in text
    assert "120" in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("大阪。", "大阪。"),  # ends where a sentence ends: the closing mark stays outside
        ("京都", "京都"),
        ("大阪。京都", "大阪。”\n“京都"),  # spans two sentences: the markup between them stays inside
        (" She", "She"),  # starts between two sentences
        ("left. ", "left."),
        ("", ""),
    ],
)
def test_where_a_value_stands(value: str, expected: str) -> None:
    text = "大阪。京都。 He left. She stayed."
    start = text.index(value)
    fact = Fact(subject="s", relation="r", value=value, start=start, end=start + len(value))
    view, [(start, end)] = FORMATS["quote_curly"].layout.render(Flat(Document(id="d", text=text, facts=[fact])))
    assert view == "“大阪。”\n“京都。”\n“He left.”\n“She stayed.”"
    assert view[start:end] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("json_row", '{"text": ["He said \\"no\\" & left.", "A<b\\\\c."]}'),
        ("html_list", "<ul>\n  <li>He said &quot;no&quot; &amp; left.</li>\n  <li>A&lt;b\\c.</li>\n</ul>"),
        ("number_dot+quote_lines", '> 1. He said "no" & left.\n> 2. A<b\\c.'),
        (
            "latex_items",
            '\\begin{itemize}\n  \\item He said "no" \\& left.\n  \\item A<b\\textbackslash{}c.\n\\end{itemize}',
        ),
        ("table_csv_numbered", 'n,text\n1,"He said ""no"" & left."\n2,"A<b\\c."'),
        ("space_em_between_sentences", 'He said "no" & left.\u2003A<b\\c.'),
        ("indent_hanging", 'He said "no" & left.\n\nA<b\\c.'),
    ],
)
def test_what_formats_look_like(name: str, expected: str) -> None:
    document = Document(id="d", text='  He said\n"no"  & left.\n \n A<b\\c.\t')
    assert FORMATS[name].layout.render(Flat(document))[0] == expected
