"""Reading and writing records: the forms of a file, and what is said about a bad one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import FieldSettings
from kinj.data.files import (
    BadRecord,
    Ids,
    Rejects,
    read_documents,
    read_questions,
    read_records,
    record_from_json,
    record_to_json,
    write_records,
)
from kinj.data.forms import RecordError
from kinj.data.records import Document, Fact, Question, Record, View, content_id

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
whole = st.integers(-(2**62), 2**62)
plain = st.recursive(
    st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
metas = st.dictionaries(
    texts | st.sampled_from(["text", "id", "meta", "view", "source", "facts", "kind"]), plain, max_size=4
)
views = st.builds(View, method=texts, index=st.integers(0, 99), seed=whole)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(texts)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    fact = st.builds(Fact, subject=texts, relation=texts, value=texts, start=st.just(start), end=st.just(end))
    return Document(
        id=draw(texts),
        text=text,
        title=draw(st.none() | st.text(st.characters(codec="utf-8"), max_size=9)),
        facts=draw(st.lists(fact, max_size=2)),
        source=draw(st.none() | texts),
        view=draw(st.none() | views),
        meta=draw(metas),
    )


questions = st.builds(
    Question,
    id=texts,
    document=st.none() | texts,
    prompt=texts,
    answers=st.lists(texts, min_size=1, max_size=3),
    kind=texts,
    choices=st.none() | st.lists(texts, min_size=1, max_size=3),
    meta=metas,
)


def lines(path: Path, *rows: Any) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def problem(source: str, **arguments: Any) -> str:
    with pytest.raises(KinjError) as error:
        list(read_documents(source, **arguments))
    return str(error.value)


@settings(deadline=None)
@given(documents() | questions)
def test_json_form_round_trip(record: Record) -> None:
    form = json.loads(json.dumps(record_to_json(record)))
    assert record_from_json(form) == record


@settings(deadline=None)
@given(st.dictionaries(texts, plain.filter(lambda value: value is not None), max_size=4))
def test_unknown_keys_are_carried(unknown: dict[str, Any]) -> None:
    known = {"id", "text", "title", "facts", "source", "view", "meta", "prompt"}
    unknown = {key: value for key, value in unknown.items() if key not in known}
    record = record_from_json({"text": "a", **unknown})
    assert record.meta == unknown


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
@settings(max_examples=25)
@given(st.lists(documents(), min_size=1, max_size=4, unique_by=lambda document: document.id))
def test_file_round_trip_of_documents(
    tmp_path_factory: pytest.TempPathFactory, ending: str, made: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("files") / f"records{ending}"
    assert write_records(path, made) == len(made)
    assert list(read_documents(str(path))) == made


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.zst", ".parquet"])
@settings(max_examples=25)
@given(st.lists(questions, min_size=1, max_size=4, unique_by=lambda question: question.id))
def test_file_round_trip_of_questions(
    tmp_path_factory: pytest.TempPathFactory, ending: str, made: list[Question]
) -> None:
    path = tmp_path_factory.mktemp("files") / f"records{ending}"
    write_records(path, made)
    assert list(read_questions(str(path))) == made


def test_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write_records(tmp_path / name, [Document(id="1", text="a")])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_mixed_records_are_told_apart(tmp_path: Path) -> None:
    source = lines(
        tmp_path / "a.jsonl",
        {"text": "a"},
        {"prompt": "p", "answers": "x"},
        {"text": "t", "prompt": "p", "answers": [3]},
    )
    assert [type(record) for record in read_records(source)] == [Document, Question, Question]


def test_ids_come_from_the_content_and_stay_unique(tmp_path: Path) -> None:
    source = lines(
        tmp_path / "a.jsonl", {"text": "a"}, {"text": "b", "id": 7}, {"text": "a", "id": None}, {"text": "a"}
    )
    assert [d.id for d in read_documents(source)] == [
        content_id("a"),
        "7",
        content_id("a") + "-2",
        content_id("a") + "-3",
    ]


def test_fields_are_mapped_and_the_rest_is_kept(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", {"body": "b", "key": 1, "text": "other", "meta": {"n": 1}})
    (document,) = read_documents(source, FieldSettings(text="body", id="key"))
    assert document == Document(id="1", text="b", meta={"text": "other", "n": 1})
    source = lines(tmp_path / "q.jsonl", {"q": "?", "a": ["x", 2], "doc": 5, "kind": "mine", "choices": ["x", "y"]})
    (question,) = read_questions(source, FieldSettings(prompt="q", answers="a", document="doc"))
    assert (question.prompt, question.answers, question.document, question.kind) == ("?", ["x", "2"], "5", "mine")
    assert question.choices == ["x", "y"]


def test_a_source_without_a_view_is_no_origin(tmp_path: Path) -> None:
    """A thousand pages with `source: example.org` must not become views of one document."""
    view = {"method": "m", "index": 1, "seed": 0}
    source = lines(tmp_path / "a.jsonl", {"text": "a", "source": "web"}, {"text": "b", "source": "x", "view": view})
    first, second = read_documents(source)
    assert (first.source, first.meta, first.origin) == (None, {"source": "web"}, first.id)
    assert (second.source, second.view, second.meta) == ("x", View(method="m", index=1, seed=0), {})


def test_optional_keys_of_another_shape_are_carried(tmp_path: Path) -> None:
    odd = {"title": 5, "facts": ["a"], "view": 3, "source": {"url": "u"}}
    (document,) = read_documents(lines(tmp_path / "a.jsonl", {"text": "a", **odd}))
    assert document.meta == odd
    (document,) = read_documents(lines(tmp_path / "a.jsonl", {"text": "a", "facts": None, "view": None, "title": None}))
    assert document.meta == {}


def test_byte_order_mark_blank_lines_and_surrogates(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text": "b\\ud83d"}')
    read = list(read_documents(str(path)))
    assert [document.text for document in read] == ["a", "b\ud83d"]
    write_records(tmp_path / "b.jsonl", read)
    assert list(read_documents(str(tmp_path / "b.jsonl"))) == read


def test_big_numbers_survive(tmp_path: Path) -> None:
    record = Document(id="1", text="a", meta={"n": 2**70, "bad": float("nan"), "list": [float("inf"), "\ud800"]})
    write_records(tmp_path / "b.jsonl", [record])
    (read,) = read_documents(str(tmp_path / "b.jsonl"))
    assert read.meta["bad"] is None
    assert read.meta["list"] == [None, "\ud800"]


BAD_LINES = [
    ('{"text": "x', "line 2 is not valid JSON (it ends inside a string)"),
    ('{"text": "x"', "line 2 is not valid JSON (it ends inside an object or a list)"),
    ('{"text": "x"} y', "line 2 is not valid JSON (more follows after its end, at column 15)"),
    ("{'text': 1}", "line 2 is not valid JSON (expecting property name enclosed in double quotes at column 2)"),
    ('{"text": NaN}', "line 2 is not valid JSON (NaN is not a number in JSON)"),
    ("[" * 100_000, "line 2 is not valid JSON (it is nested too deeply)"),
    ("[1]", "line 2 is not an object but a list"),
    ("null", "line 2 is not an object but null"),
    ('{"body": "x", "n": 1}', "line 2 has no field `text`; it has: body, n"),
    ('{"body": "x"}', "data.fields.text=body"),
    ('{"txt": "x"}', "data.fields.text=KEY"),
    ('{"text": 5}', "line 2 has a field `text` that is a number, not text; it has: text"),
    ('{"text": " "}', "line 2 has an empty field `text`"),
    ('{"text": "a", "id": [1]}', "line 2 has a field `id` that is a list, not a text or a whole number"),
    ('{"text": "a", "id": true}', "`id` that is true or false"),
    ('{"text": "a", "id": "same"}', "line 2 has the id `same` of line 1"),
    ('{"text": "a", "n": 1, "meta": {"n": 2}}', "line 2 has `n` twice: beside `meta` and inside it"),
    (
        '{"text": "a", "facts": [{"subject": "s"}]}',
        "line 2 has a fact with the keys subject; a fact has subject, relation, value, start, end",
    ),
    (
        '{"text": "a", "facts": [{"subject": "s", "relation": "r", "value": "v", "start": 0, "end": 9}]}',
        "line 2 has a fact at characters 0 to 9, and its text has 1",
    ),
    (
        '{"text": "a", "facts": [{"subject": "s", "relation": "r", "value": " ", "start": 0, "end": 0}]}',
        "line 2 has a fact without a value (r of s)",
    ),
    (
        '{"text": "a", "facts": [{"subject": "s", "relation": "r", "value": "v", "start": "0", "end": 1}]}',
        "whose start or end is not a whole number",
    ),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    source = lines(tmp_path / "corpus.jsonl", {"text": "fine", "id": "same"}, line, {"text": "after"})
    said = problem(source)
    assert said.startswith(f"error: {source} line 2 ")
    assert message in said
    assert "--on-error skip" in said


BAD_QUESTIONS = [
    ('{"answers": ["a"]}', "has no field `prompt`; it has: answers"),
    ('{"prompt": "p", "answer": "a"}', "data.fields.answers=answer"),
    ('{"prompt": "p", "answers": []}', "is a question without answers (`answers` is empty)"),
    ('{"prompt": "p", "answers": null}', "is a question without answers"),
    ('{"prompt": "p", "answers": ["a", ""]}', "is a question with an empty answer"),
    ('{"prompt": "p", "answers": [{"text": "a"}]}', "that is not a text or a list of texts"),
]


@pytest.mark.parametrize(("line", "message"), BAD_QUESTIONS)
def test_bad_question_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(BadRecord) as error:
        list(read_questions(lines(tmp_path / "q.jsonl", line)))
    assert message in str(error.value)
    assert error.value.place.number == 1


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        ({"question": "q", "answer": "a"}, "data.fields.prompt=question data.fields.answers=answer"),
        ({"question": "q", "passage": "p", "answer": "a"}, "data.fields.text=passage"),
        ({"question": "q"}, "data.fields.text=KEY"),
    ],
)
def test_an_object_that_is_neither_is_taken_for_what_it_looks_like(form: dict[str, Any], hint: str) -> None:
    with pytest.raises(RecordError, match="neither `text`") as caught:
        record_from_json(form)
    assert caught.value.hint.endswith(hint)


def test_line_numbers_have_thousands_separators(tmp_path: Path) -> None:
    source = lines(tmp_path / "corpus.jsonl", *({"text": f"t{n}"} for n in range(1203)), '{"text": "x')
    assert f"{source} line 1,204 is not valid JSON (it ends inside a string)" in problem(source)


def test_record_of_neither_sort(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match=r"neither `text` .* nor `prompt` and `answers`"):
        list(read_records(lines(tmp_path / "a.jsonl", {"n": 1})))


def test_invalid_utf8_is_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "caf\xe9"}\n')
    assert "line 2 is not valid UTF-8 (byte 14 of the line is 0xe9)" in problem(str(path))
    path.write_bytes('{"text": "a"}'.encode("utf-16"))
    assert "is UTF-16" in problem(str(path))


def test_missing_and_empty_sources_name_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.jsonl does not exist") as error:
        list(read_documents(str(tmp_path / "nothing.jsonl")))
    assert "kinj show data biographies -n 50 > corpus.jsonl" in error.value.hint
    assert "kinj show data biographies -n 50 > corpus.jsonl" in problem(lines(tmp_path / "empty.jsonl", "", " "))


def test_skip_sets_lines_aside_and_counts_them_once(tmp_path: Path) -> None:
    source = lines(tmp_path / "corpus.jsonl.x", {"text": "a"}, "{", {"n": 1}, {"text": "b"})
    rejects = Rejects("skip", tmp_path / "out" / "deep")
    for _ in range(2):
        assert [document.text for document in read_documents(source, rejects=rejects)] == ["a", "b"]
    assert rejects.count == 2
    (file,) = rejects.files
    assert file == tmp_path / "out" / "deep" / "corpus.jsonl.x.rejected.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["line"], row["content"]) for row in rows] == [(2, "{"), (3, '{"n":1}')]
    assert rows[1]["reason"].startswith("has no field `text`")


def test_rejected_file_lies_beside_the_output_and_only_if_needed(tmp_path: Path) -> None:
    rejects = Rejects.beside("skip", tmp_path / "views.jsonl.gz")
    list(read_documents(lines(tmp_path / "a.jsonl", {"text": "a"}), rejects=rejects))
    assert not (tmp_path / "views.rejected.jsonl").exists()
    path = tmp_path / "b.jsonl"
    path.write_bytes(b'{"text": "\xff"}\n{"text": "b"}\n')
    list(read_documents(str(path), rejects=rejects))
    assert "\\xff" in json.loads((tmp_path / "views.rejected.jsonl").read_text())["content"]


def test_nothing_usable_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    said = problem(lines(tmp_path / "a.jsonl", "{"), rejects=Rejects("skip", tmp_path))
    assert "no record that can be used (1 set aside as bad: see" in said


def test_ids_are_checked_over_several_sources(tmp_path: Path) -> None:
    ids = Ids()
    first, second = (
        lines(tmp_path / "a.jsonl", {"text": "a", "id": "x"}),
        lines(tmp_path / "b.jsonl", {"text": "b", "id": "x"}),
    )
    list(read_documents(first, ids=ids))
    assert f"{second} line 1 has the id `x` of {first} line 1" in problem(second, ids=ids)


def test_folder_of_texts(tmp_path: Path) -> None:
    for name, text in {
        "b.md": "b\r\nb",
        "a/z.txt": "z",
        "a.txt": "\ufeffa",
        "empty.txt": " \n",
        ".git/x.md": "no",
        "x.pdf": "?",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, newline="")
    with gzip.open(tmp_path / "c.md.gz", "wt") as file:
        file.write("c")
    rejects = Rejects()
    read = [(document.id, document.text) for document in read_documents(str(tmp_path), rejects=rejects)]
    assert read == [("a/z.txt", "z"), ("a.txt", "a"), ("b.md", "b\nb"), ("c.md.gz", "c")]
    assert dict(rejects.left_out) == {"empty files": 1, "files that are not .txt or .md": 1}


def test_folder_with_a_bad_or_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    assert "holds no .txt or .md file (it holds: .pdf)" in problem(str(tmp_path))
    (tmp_path / "a.txt").write_bytes(b"fine\n\xff")
    assert "a.txt line 2 is not valid UTF-8 (byte 0xff)" in problem(str(tmp_path))
    (tmp_path / "a.txt").write_text("")
    assert "is empty (1 empty files, 1 files that are not .txt or .md)" in problem(str(tmp_path))


@pytest.mark.parametrize(
    "record", [("config.yaml", "events.jsonl"), ("sweep.yaml", "trials.jsonl")], ids=["run", "sweep"]
)
def test_what_kinj_wrote_about_a_run_is_no_document(record: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("My own words.")
    run = tmp_path / "runs" / "a"
    for name in (*record, "README.md", "trials/1/log.txt"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("about the run")
    rejects = Rejects("stop")
    assert [document.text for document in read_documents(str(tmp_path), rejects=rejects)] == ["My own words."]
    assert dict(rejects.left_out) == {"files of runs": 4}
    with pytest.raises(UsageError, match=r"is a run or a sweep.*\n.*kinj train -o .*runs/a --resume"):
        list(read_documents(str(run)))
    (run / record[0]).unlink()
    assert len(list(read_documents(str(run)))) == 2


def test_single_text_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("one\n\ntwo\n")
    assert [(d.id, d.text) for d in read_documents(str(tmp_path / "a.md"))] == [("a.md", "one\n\ntwo\n")]


def test_json_arrays_also_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (
        '[{"text": "a"}, {"text": "b"}]',
        '[{"text": "a"}]\n[{"text": "b"}]\n',
        '{"text": "a"}\n{"text": "b"}',
    ):
        path.write_text(content)
        assert [document.text for document in read_documents(str(path))] == ["a", "b"]
    path.write_text('[{"text": "a"}, 5]')
    assert "record 2 is not an object but a number" in problem(str(path))
    path.write_text('[{"text": "a"},\n{"text": "b]')
    assert "line 2 is not valid JSON (it ends inside a string)" in problem(str(path))
    path.write_bytes(b'[{"text": "a"},\n{"text": "\xff"}]')
    assert "line 2 is not valid UTF-8" in problem(str(path))


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('\ufefftext\tn\n"a\tb"\t1\nc\t2\n')
    assert [(d.text, d.meta) for d in read_documents(str(path))] == [("a\tb", {"n": "1"}), ("c", {"n": "2"})]
    path.write_text("text\tn\na\n")
    assert "line 2 has another number of columns" in problem(str(path))
    path.write_bytes(b"text\n\xff\n")
    assert "is not a table after line" in problem(str(path))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_compressed_file_that_is_cut_off(tmp_path: Path, ending: str) -> None:
    data = "".join(json.dumps({"text": content_id(str(n))}) + "\n" for n in range(4000)).encode()
    packed = gzip.compress(data) if ending == ".gz" else zstandard.compress(data)
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(packed[: len(packed) // 2])
    assert "ends before its compressed data does" in problem(str(path), rejects=Rejects("skip", tmp_path))
    path.write_bytes(b"this is not compressed at all")
    assert "cannot be read" in problem(str(path))
    assert ("rename it" in problem(str(path))) == (ending == ".gz")
    path.write_bytes(
        packed[:2000] + b"xx" + packed[2002:] if ending == ".gz" else packed[:30] + b"\0" * 50 + packed[80:]
    )
    assert "error:" in problem(str(path), rejects=Rejects("skip", tmp_path))


def test_zstandard_frames_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(b"".join(zstandard.compress(json.dumps({"text": text}).encode() + b"\n") for text in "abc"))
    assert [document.text for document in read_documents(str(path))] == ["a", "b", "c"]


def test_parquet_problems(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and no more")
    assert "is not a complete Parquet file" in problem(str(path))
    with pytest.raises(KinjError, match="documents or questions, not both"):
        write_records(path, [Document(id="1", text="a"), Question(id="2", document=None, prompt="p", answers=["a"])])
    with pytest.raises(KinjError, match="not valid Unicode"):
        write_records(path, [Document(id="1", text="a\ud800")])
    assert path.read_bytes() == b"PAR1 and no more"
    write_records(path, [])
    assert "is empty" in problem(str(path))
