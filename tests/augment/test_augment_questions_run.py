"""`kinj augment questions.jsonl`: a file of questions in, the same questions in many formats out, by the same engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinj.augment import shards
from kinj.augment.run import augment_file
from kinj.cli.main import app
from kinj.config.errors import DONE, FAILED, PARTLY, KinjError
from kinj.config.schema import AugmentSettings, DataSettings, FieldSettings, Settings
from kinj.data.files import read_questions, read_records
from kinj.data.records import Document, Question

SETTINGS = Settings(augment=AugmentSettings(views=5))
SOURCE, OUTPUT = "questions.jsonl", Path("views.jsonl")


def row(number: int, **more: Any) -> dict[str, Any]:
    prompt = f"Where was person {number} born? Answer with 1 word."
    answers = [f"City {number}", "Łódź"]
    return {"id": f"q{number}", "document": f"d{number}", "prompt": prompt, "answers": answers, "asked": number, **more}


DOCUMENT = {"id": "d0", "text": "Person 0 was born in Łódź. She likes snow."}


def write(rows: list[dict[str, Any]], path: str = SOURCE) -> str:
    Path(path).write_text("".join(f"{json.dumps(item)}\n" for item in rows), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a file of 20 questions; shards of 4."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "RECORDS", 4)
    write([row(number) for number in range(20)])


def kinj(*words: str) -> Result:
    return CliRunner().invoke(app, ["augment", *words])


def test_the_same_answers_in_many_formats() -> None:
    done = kinj(SOURCE, "-k", "5", "-o", str(OUTPUT))
    assert (done.exit_code, done.stdout) == (DONE, f"{OUTPUT}\n")
    assert "20 questions → 100 views, 0 facts changed" in done.stderr
    assert "5.0 views per question" in done.stderr
    found = list(read_questions(str(OUTPUT)))
    assert len({question.id for question in found}) == len({question.prompt for question in found}) == 120
    originals = {question.id: question for question in read_questions(SOURCE)}
    for question in found:
        original = originals[question.origin]
        same = replace(question, id=original.id, prompt=original.prompt, source=None, view=None)
        assert same == original
        assert (question.view is None) == (question.id in originals)
    stats = json.loads(Path("views.stats.json").read_text())
    assert (stats["documents"], stats["questions"], stats["views"]) == (0, 20, 100)
    assert stats["token_factor"] > 5
    card = Path("views.README.md").read_text()
    assert "| questions | 20 |" in card
    assert "the same question in other shapes" in card
    assert "ocument" not in card


def test_workers_an_interruption_and_forms_of_output_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    augment_file([SOURCE], OUTPUT, SETTINGS)
    whole = OUTPUT.read_bytes()
    two = replace(SETTINGS, augment=replace(SETTINGS.augment, workers=2))
    augment_file([SOURCE], Path("two.jsonl"), two)
    assert Path("two.jsonl").read_bytes() == whole
    write([*(row(number) for number in range(10)), {"prompt": "Who?"}])
    with pytest.raises(KinjError, match=r"questions\.jsonl line 11 has no field `answers`") as caught:
        augment_file([SOURCE], Path("late.jsonl"), SETTINGS)
    assert "8 finished records are kept in late.jsonl.part" in caught.value.hint
    write([row(number) for number in range(20)])
    assert augment_file([SOURCE], Path("late.jsonl"), SETTINGS, resume=True).questions == 20
    assert Path("late.jsonl").read_bytes() == whole
    for name in ("views.parquet", "views.jsonl.gz", "views"):
        augment_file([SOURCE], Path(name), SETTINGS)
        assert list(read_questions(name)) == list(read_questions(str(OUTPUT)))


@pytest.mark.parametrize("method", ["permute", "formatting+permute", "masked"])
def test_methods_that_write_views_of_documents_only(method: str) -> None:
    source = write([DOCUMENT, row(1)])
    done = kinj(source, "--method", "formatting", "--method", method, "-o", str(OUTPUT))
    assert done.exit_code == FAILED
    assert f"questions.jsonl line 2 is a question, and {method} writes views of documents only" in done.stderr
    assert "--method formatting" in done.stderr
    assert {path.name for path in Path().iterdir()} == {SOURCE}
    assert kinj(source, "--method", method, "--preview", "2").exit_code == FAILED
    done = kinj(source, "--method", method, "--on-error", "skip", "-o", str(OUTPUT), "--json")
    assert done.exit_code == PARTLY
    report = json.loads(done.stdout)
    assert (report["documents"], report["questions"], report["rejected"]) == (1, 0, 1)
    (rejected,) = map(json.loads, Path("views.rejected.jsonl").read_text().splitlines())
    assert (rejected["line"], json.loads(rejected["content"])["id"]) == (2, "q1")


def test_a_file_of_both() -> None:
    source = write([DOCUMENT, row(1), row(2)])
    done = kinj(source, "-k", "3", "-o", str(OUTPUT))
    assert "1 document and 2 questions → 9 views" in done.stderr
    kinds = [type(record) for record in read_records(str(OUTPUT))]
    assert kinds == [Document] * 4 + [Question] * 8
    for number, item in enumerate((DOCUMENT, row(1))):
        alone = Path(f"alone{number}.jsonl")
        augment_file([write([item], "one.jsonl")], alone, Settings(augment=AugmentSettings(views=3)))
        assert alone.read_bytes() in OUTPUT.read_bytes(), "views do not depend on other records"


@pytest.mark.parametrize("shard", [1, 4])
def test_a_parquet_file_is_of_one_kind(shard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "RECORDS", shard)
    with pytest.raises(KinjError, match="a Parquet file holds documents or questions, not both") as caught:
        augment_file([write([DOCUMENT, row(1)])], Path("views.parquet"), SETTINGS)
    assert "NAME.jsonl" in caught.value.hint
    assert not Path("views.parquet").exists()


def test_ids_are_those_that_a_reader_gives() -> None:
    plain = {"prompt": "Who?", "answers": ["Ada"]}
    rows: list[dict[str, Any]] = [
        plain,
        {**plain, "more": 1},
        {**plain, "answers": "Bob"},
        {**plain, "document": "d"},
        {"text": "Who?"},
        {"text": "Who?"},
    ]
    expected = [record.id for record in read_records(write(rows))]
    report = augment_file([SOURCE], OUTPUT, SETTINGS)
    assert [record.id for record in read_records(str(OUTPUT)) if record.view is None] == expected
    assert (report.questions, report.documents, report.repeated) == (4, 2, 2)
    assert "2 records with the text of an earlier one" in str(report)
    dropping = replace(SETTINGS, augment=AugmentSettings(views=1, duplicates="drop"))
    dropped = augment_file([SOURCE], OUTPUT, dropping, overwrite=True)
    assert (dropped.questions, dropped.documents, dropped.removed) == (3, 1, 2)
    with pytest.raises(KinjError, match="line 2 has the id `q1` of line 1"):
        augment_file([write([row(1), row(1)])], Path("other.jsonl"), SETTINGS)


def test_other_names_of_fields_and_a_limit() -> None:
    write([{"question": f"Who is number {number}?", "answer": "Ada"} for number in range(9)])
    fields = DataSettings(fields=FieldSettings(prompt="question", answers="answer"), limit=2)
    report = augment_file([SOURCE], OUTPUT, replace(SETTINGS, data=fields))
    assert (report.questions, report.views) == (2, 10)
    assert {tuple(question.answers) for question in read_questions(str(OUTPUT))} == {("Ada",)}
    with pytest.raises(KinjError, match=r"line 1 has neither `text` \(a document\) nor `prompt`"):
        augment_file([SOURCE], Path("other.jsonl"), SETTINGS)


def test_prompts_to_be_continued_are_counted() -> None:
    write([row(0), row(1, meta={"form": "completion"})])
    report = augment_file([SOURCE], OUTPUT, SETTINGS)
    assert (report.questions, report.views) == (2, 5)
    assert "prompts to be continued, which no format may close: 1" in str(report)


def test_a_budget_of_tokens() -> None:
    own = replace(SETTINGS, augment=AugmentSettings(target_tokens="3000"))
    report = augment_file([SOURCE], OUTPUT, own)
    assert report.questions == 20
    assert report.views > 20


def test_a_preview() -> None:
    done = kinj(SOURCE, "-k", "2", "--preview", "1")
    assert "Where was person 0 born?" in done.stdout
    assert done.stdout.count("→ City 0") == 3
    found = json.loads(kinj(SOURCE, "-k", "2", "--preview", "1", "--json").stdout)["preview"]
    assert [record["answers"] for record in found[0]] == [["City 0", "Łódź"]] * 3
    assert {path.name for path in Path().iterdir()} == {SOURCE}
