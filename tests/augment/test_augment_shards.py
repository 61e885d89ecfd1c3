"""Input to shards: ids over all of them, bad records, limits; and lines of views, which are those of their records."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.augment import met, shards
from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.identities import Identities
from kinj.augment.lines import line_of
from kinj.augment.report import AugmentReport
from kinj.augment.run import augment_file
from kinj.augment.shards import Shard, Shards
from kinj.config.errors import KinjError
from kinj.config.names import METHODS, WRITTEN
from kinj.config.schema import AugmentSettings, DataSettings, FieldSettings, Settings
from kinj.data.files import Ids, Rejects, read_documents
from kinj.data.forms import RecordError
from kinj.data.records import Document, Fact
from kinj.data.rejects import Place

FIELDS = FieldSettings()
WORDS = st.sampled_from(["a", "b", "c", "a-2", "b-2"])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "RECORDS", 3)


def write(rows: list[Any], path: str = "corpus.jsonl") -> str:
    Path(path).write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def cut(source: str, policy: str = "stop", **data: Any) -> list[Shard]:
    found = Shards([source], DataSettings(**data), policy, growth=1)
    made = list(found)
    if found.error:
        raise found.error
    return made


def documents(made: list[Shard], rejects: Rejects | None = None) -> list[Document]:
    records = [record for shard in made for record, _ in shard.records(FIELDS, rejects or Rejects())]
    return [record for record in records if isinstance(record, Document)]


@given(st.lists(st.lists(st.integers(0, 60), max_size=20)))
def test_met_remembers_like_a_dict(batches: list[list[int]]) -> None:
    known: dict[int, int] = {}
    remembered = met.Met()
    for number, batch in enumerate(batches):
        keys = np.array(batch, np.uint64)
        assert remembered.find(keys).tolist() == [known.get(key, met.NEVER) for key in batch]
        new = np.array([key for key in dict.fromkeys(batch) if key not in known], np.uint64)
        known |= {int(key): number for key in new}
        remembered.add(new, np.full(len(new), number))


def test_runs_stay_few_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(met, "RUN", 64)
    remembered = met.Met()
    for start in range(0, 1000, 5):
        keys = np.arange(start, start + 5, dtype=np.uint64)
        remembered.add(keys, keys.astype(np.int64))
    sizes = [len(run) for run, _ in remembered._runs]
    assert sum(sizes) == 1000
    assert len(sizes) <= 1000 / 64 + 8
    assert remembered.find(np.array([0, 999, 1000], np.uint64)).tolist() == [0, 999, met.NEVER]


@given(st.lists(st.tuples(WORDS, st.booleans()), max_size=20), st.integers(1, 5))
def test_ids_are_those_that_a_reader_gives(rows: list[tuple[str, bool]], size: int) -> None:
    """Whatever the shards: named records whose id was met are wrong, the others get the first free id."""
    forms: list[dict[str, Any]] = [{"text": word} | ({"id": word} if given else {}) for word, given in rows]
    ids, expected = Ids(), []
    identities, found = Identities(FIELDS), []
    for number, form in enumerate(forms, 1):
        try:
            name = form.get("id") or ids.free(identities._identity(form)[0] or "")
            ids.add(name, Place("f", number))
            expected.append(name)
        except RecordError as error:
            expected.append(error.reason)
    for start in range(0, len(forms), size):
        part = forms[start : start + size]
        spots = [("f", start + 1 + number, "line") for number in range(len(part))]
        names, wrong, _ = identities.look_at(part, spots)
        for number, form in enumerate(part):
            own = identities._identity(form)[0]
            found.append(wrong[number][0] if number in wrong else names.get(number, own))
    assert found == expected


def test_ids_over_shards_and_sources() -> None:
    first = write([{"id": f"p{n}", "text": f"text {n}"} for n in range(7)], "a.jsonl")
    second = write([{"id": "q", "text": "other"}, {"id": "p5", "text": "text"}], "b.jsonl")
    found = Shards([first, second], DataSettings(), "stop", 1)
    with pytest.raises(KinjError, match=r"b\.jsonl line 2 has the id `p5` of a\.jsonl line 6"):
        documents(list(found))


def test_repeated_texts_are_counted_and_can_be_dropped() -> None:
    rows = [{"text": f"Text number {n % 4} is short."} for n in range(10)]
    source = write(rows)
    found = documents(cut(source))
    assert len({document.id for document in found}) == 10
    assert [document.id for document in found] == [document.id for document in read_documents(source)]
    kept = augment_file([source], Path("kept.jsonl"), Settings(augment=AugmentSettings(views=1)))
    assert (kept.documents, kept.repeated, kept.removed) == (10, 6, 0)
    assert "6 documents with the text of an earlier one, kept" in str(kept)
    dropped = augment_file([source], Path("less.jsonl"), Settings(augment=AugmentSettings(views=1, duplicates="drop")))
    assert (dropped.documents, dropped.repeated, dropped.removed) == (4, 6, 6)
    assert "6 documents with the text of an earlier one, removed" in str(dropped)


def test_a_limit_counts_records_that_can_be_used() -> None:
    source = write([{"text": "one"}, "{", {"txt": "x"}, {"text": "two"}, {"text": "three"}, "{"])
    rejects = Rejects("ignore")
    assert [document.text for document in documents(cut(source, "skip", limit=2), rejects)] == ["one", "two"]
    assert len(documents(cut(source, "stop", limit=1))) == 1


@pytest.mark.parametrize("cut_off", [8, 300, -9, -1])
def test_a_file_cut_in_the_middle_of_a_gzip_member(cut_off: int) -> None:
    lines = [json.dumps({"id": f"p{n}", "text": f"Person {n} likes the number {n * 7919}."}) + "\n" for n in range(60)]
    members = gzip.compress("".join(lines[:30]).encode()) + gzip.compress("".join(lines[30:]).encode())
    Path("corpus.jsonl.gz").write_bytes(members[:cut_off])
    with pytest.raises(KinjError, match=r"corpus\.jsonl\.gz ends before its compressed data does") as caught:
        augment_file(["corpus.jsonl.gz"], Path("views.jsonl"), Settings())
    assert "copy or download it again" in caught.value.hint
    assert not Path("views.jsonl").exists()
    Path("corpus.jsonl.gz").write_bytes(members)
    kept = Path("views.jsonl.part").exists()
    report = augment_file(["corpus.jsonl.gz"], Path("views.jsonl"), Settings(), resume=kept)
    assert report.documents == 60


def test_mixed_encodings() -> None:
    good, bad = json.dumps({"text": "Łódź"}).encode(), '{"text": "Łódź"}'.encode("iso-8859-2")
    Path("corpus.jsonl").write_bytes(b"\n".join([good, bad, good, b'{"text": "\\ud800 lone"}']))
    with pytest.raises(KinjError, match=r"corpus\.jsonl line 2 is not valid UTF-8"):
        augment_file(["corpus.jsonl"], Path("views.jsonl"), Settings())
    assert [path.name for path in Path().iterdir()] == ["corpus.jsonl"]
    report = augment_file(["corpus.jsonl"], Path("views.jsonl"), Settings(), on_error="skip")
    assert (report.documents, report.rejected) == (3, 1)
    (rejected,) = map(json.loads, Path("views.rejected.jsonl").read_text().splitlines())
    assert rejected["line"] == 2
    assert [document.text for document in read_documents("views.jsonl") if not document.view] == ["Łódź"] * 2 + [
        "\ud800 lone"
    ]


WITHOUT_A_MODEL = [name for name in METHODS if name not in WRITTEN]


@pytest.mark.parametrize("method", WITHOUT_A_MODEL)
def test_documents_without_a_sentence(method: str) -> None:
    source = write([{"id": "a", "text": "…"}, {"id": "b", "text": "word"}, {"id": "c", "text": "x" * 10_000}])
    settings = Settings(augment=AugmentSettings(views=3, method=[method]))
    report = augment_file([source], Path("views.jsonl"), settings)
    assert (report.documents, report.views) == (3, sum(d.view is not None for d in read_documents("views.jsonl")))
    assert report.views + report.shortfall + report.duplicates + report.dropped == 9
    if method == "formatting":
        assert report.views == 9
    else:
        assert f"{report.shortfall} views fewer than asked for: there are no more different ones of" in str(report)


@pytest.mark.parametrize("method", WITHOUT_A_MODEL)
def test_braces_in_a_document(method: str) -> None:
    sentences = [
        'Ada Byron wrote {document} and {{x}} in London in 1815. She likes {"a": {}} in {value}.',
        "In {name}, Bob Stone was born in 1915. He wrote {0} books for {Name} with } and {.",
    ]
    source = write([{"id": str(n), "title": "{title}", "text": text} for n, text in enumerate(sentences)])
    settings = Settings(augment=AugmentSettings(views=4, method=[method]))
    augment_file([source], Path("views.jsonl"), settings)
    for view in read_documents("views.jsonl"):
        if method not in ("masked", "reverse"):  # which take words apart
            parts = re.findall(r"\{[\w]*\}", sentences[int(view.origin)])
            assert [part for part in parts if part not in view.text.replace("\\", "")] == []


@pytest.mark.parametrize("rows", [["{"], [{"txt": "x"}], [{"id": "a", "text": " "}]])
def test_nothing_that_can_be_used(rows: list[Any]) -> None:
    with pytest.raises(
        KinjError, match=r"no record that can be used \(1 set aside as bad\)\n.*without --on-error skip"
    ):
        augment_file([write(rows)], Path("views.jsonl"), Settings(), on_error="skip")
    assert not Path("views.jsonl").exists()


def test_a_folder_in_which_nothing_can_be_used() -> None:
    Path("notes").mkdir()
    Path("notes/a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(KinjError, match=r"notes holds no record that can be used \(1 set aside as bad\)\n"):
        augment_file(["notes"], Path("views.jsonl"), Settings(), on_error="skip")


texts = st.text(st.characters(codec=None), min_size=1)
metas = st.dictionaries(
    st.sampled_from(["start", "%d", "view", 'a"b']), st.one_of(texts, st.integers(), st.just({"start": 0, "end": 0}))
)


def both_ways(document: Document, views: int) -> tuple[list[bytes], list[bytes]]:
    """The lines of a document's views, written straight and by way of their records; counted alike."""
    engine = Engine(AugmentSettings(views=views), 1)
    slow, fast = (Checks(AugmentSettings().audit, AugmentReport()) for _ in range(2))
    expected = [line_of(view) for view in engine.views(document, slow)]
    lines = engine.lines(document, fast)
    assert slow.report == fast.report
    return lines, expected


@given(texts, texts, texts, metas)
def test_lines_of_views_are_those_of_their_records(identity: str, text: str, title: str, meta: dict[str, Any]) -> None:
    facts = [Fact(subject=title, relation='","text":""', value=text, start=0, end=len(text))] * 2
    document = Document(id=identity, text=text, title=title, facts=facts, meta=meta)
    lines, expected = both_ways(document, 6)
    assert lines == expected


@given(st.lists(st.sampled_from(["Ada was born.", "% %d", 'She said "no".', "\n\n", "Łódź & <b>", "12."]), min_size=1))
def test_the_engine_writes_the_lines_of_its_views(parts: list[str]) -> None:
    text = " ".join(parts)
    if not text.strip():
        return
    facts = [Fact(subject="s", relation="r", value=text[:1], start=0, end=1)]
    lines, expected = both_ways(Document(id="a%d", text=text, facts=facts), 6)
    assert lines == expected


def test_the_engine_writes_the_lines_of_all_formats() -> None:
    text = "Ada <née> Byron\nwas born in \"London\".\n\nShe wrote 12 programs; Łódź & 50 % of it were 'lost'. {So} they say_."
    marks = [(0, 15), (28, 36), (30, 60), (len(text) - 5, len(text))]
    facts = [Fact(subject="s", relation="r", value=text[start:end], start=start, end=end) for start, end in marks]
    lines, expected = both_ways(Document(id="a", text=text, facts=facts), 2000)
    assert len(lines) > 900
    assert lines == expected
