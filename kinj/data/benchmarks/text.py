"""Plain text whose perplexity shows what was kept: articles, speeches or paragraphs as documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import DATA_ENDINGS, Member, Originals, names_of
from kinj.data.forms import Json, document_from_json
from kinj.data.pools import Pools, Reading
from kinj.data.records import Document
from kinj.data.rejects import Rejects
from kinj.data.rows import TEXT_ENDINGS, ending

GET = "any place: .txt or .md files, or JSON lines with `text`"
ABOUT = ("readme", "source", "license", "licence", "notice", "changelog")
"""Names of files that describe the others and are not read."""
_TITLE = re.compile(r"^ = (?!=)(.+?)(?<!=) = $", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pool `documents`, and where a folder has several files a pool for each, named after it.

    Raises:
        UsageError: there are no files.
    """
    files = Originals(settings, GET)
    found = files.everything((*TEXT_ENDINGS, *DATA_ENDINGS))
    members = [member for member in found if member.name.lower() not in ABOUT]
    if not members:
        raise UsageError(f"data.path={settings.path} holds no text, only {names_of(found)}", files.hint)
    pools = Pools(settings, rejects)
    pools.add("documents", _reader(members, len(found) - len(members), prefix=len(members) > 1), names_of(members))
    if len(members) > 1:
        for member in members:
            pools.add(member.name, _reader([member], 0, prefix=True))
    return pools.data


def _reader(members: list[Member], descriptions: int, prefix: bool) -> Callable[[Reading], Iterator[Document]]:
    def read(reading: Reading) -> Iterator[Document]:
        if descriptions:
            reading.left_out["files that describe the others"] = descriptions
        return reading.first(document for member in members for document in _documents(reading, member, prefix))

    return read


def _documents(reading: Reading, member: Member, prefix: bool) -> Iterator[Document]:
    plain = not member.source.startswith("hf:") and ending(member.source) in TEXT_ENDINGS

    def build(index: int, row: Json) -> Iterator[Document]:
        if plain:
            for number, (title, piece) in enumerate(pieces(row["text"])):
                yield Document(id=f"{member.name}.{number}", text=piece, title=title)
            return
        document = document_from_json(row, reading.settings.fields)
        if row.get(reading.settings.fields.id) is None:
            document.id = f"{member.name}.{index}"
        elif prefix:  # two files may use the same ids
            document.id = f"{member.name}.{document.id}"
        yield document

    return reading.records(member.rows(reading.rejects), build)


def pieces(text: str) -> Iterator[tuple[str | None, str]]:
    """A text in pieces, each with its title if it has one: articles where there are WikiText's headings of the first level
    (` = Title = `), and else what blank lines part. Line ends around a piece are left out; nothing else is changed."""
    headings = list(_TITLE.finditer(text))
    if not headings:
        yield from ((None, piece.strip("\n")) for piece in _BLANK.split(text) if piece.strip())
        return
    starts = [heading.start() for heading in headings]
    if text[: starts[0]].strip():
        yield None, text[: starts[0]].strip("\n")
    for heading, end in zip(headings, [*starts[1:], len(text)], strict=True):
        yield heading[1], text[heading.start() : end].strip("\n")
