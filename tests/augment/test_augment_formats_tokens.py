"""Formats that a tokenizer erases are found, replaced by others, and counted."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from kinj.augment.engine import augment_documents
from kinj.augment.formats.table import FORMATS
from kinj.augment.formats.tokens import SAMPLE, alike, token_ids
from kinj.augment.methods.formatting import ERASED
from kinj.augment.report import AugmentReport
from kinj.cli.formats import print_formats
from kinj.config.errors import UsageError
from kinj.config.schema import AugmentSettings, FormattingSettings
from kinj.data.records import Document

DOCUMENT = Document(id="a", text="Ada was born in London. She wrote 12 programs. Nobody knows why she did.")


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer as of BERT uncased, which drops all white space."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    characters = sorted({c for form in FORMATS.values() for c in form.layout.first + form.layout.boundary})
    trainer = trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=["[UNK]"], initial_alphabet=characters, show_progress=False
    )
    tokenizer.train_from_iterator([SAMPLE, DOCUMENT.text], trainer)
    folder = tmp_path_factory.mktemp("wordpiece")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(folder)
    return str(folder)


def views(tokenizer: str | None, count: int, report: AugmentReport) -> list[Document]:
    settings = AugmentSettings(views=count, formatting=FormattingSettings(tokenizer=tokenizer))
    return list(augment_documents([DOCUMENT], settings, 0, report))


def test_views_differ_as_tokens(wordpiece: str) -> None:
    unchecked = {token_ids(wordpiece, document.text) for document in views(None, 60, AugmentReport())}
    assert len(unchecked) < 61
    report = AugmentReport()
    found = views(wordpiece, 60, report)
    assert len({token_ids(wordpiece, document.text) for document in found}) == len(found) == 61
    assert [document.id for document in found[1:]] == [f"a#formatting.{index}" for index in range(1, 61)]
    assert report.skipped[ERASED] > 0
    assert f"erased by the tokenizer: {report.skipped[ERASED]}" in str(report)


def test_a_tokenizer_that_erases_nothing_changes_nothing() -> None:
    report = AugmentReport()
    assert views("tiny", 60, report) == views(None, 60, AugmentReport())
    assert not report.skipped


def test_the_first_views_do_not_depend_on_how_many_are_asked_for(wordpiece: str) -> None:
    assert views(wordpiece, 30, AugmentReport())[:11] == views(wordpiece, 10, AugmentReport())


def test_fewer_views_where_no_more_tell_apart(wordpiece: str) -> None:
    report = AugmentReport()
    settings = AugmentSettings(
        views=10, formatting=FormattingSettings(families=["spacing", "padding"], tokenizer=wordpiece)
    )
    assert list(augment_documents([DOCUMENT], settings, 0, report)) == [DOCUMENT]
    assert (report.views, report.shortfall) == (0, 10)


def test_what_is_alike(wordpiece: str) -> None:
    found = alike(wordpiece)
    assert found["double_spaces"] == found["width_40"] == found["space_em"] == ""
    assert found["bullet_dash_wide"] == "bullet_dash"
    assert {"quote_curly", "json_list", "number_dot"}.isdisjoint(found)
    assert all(FORMATS[name].families[0] == "combinations" for name in alike("tiny"))


def test_a_tokenizer_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"augment\.formatting\.tokenizer=tinny"):
        views("tinny", 1, AugmentReport())
    with pytest.raises(UsageError, match="has no tokenizer yet"):
        views("scratch", 1, AugmentReport())
    with pytest.raises(UsageError, match=r"augment\.formatting\.tokenizer=\./nowhere: there is no such folder"):
        views("./nowhere", 1, AugmentReport())


def test_show_formats(wordpiece: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_formats(None, as_json=False)
    plain = capsys.readouterr().out
    assert "double_spaces" in plain
    assert "erase" not in plain
    print_formats(wordpiece, as_json=False)
    checked = capsys.readouterr().out
    assert "double_spaces (erased)" in checked
    assert "bullet_dash_wide (= bullet_dash)" in checked
    print_formats(wordpiece, as_json=True)
    rows = json.loads(capsys.readouterr().out)["formats"]
    same = {row["name"]: row["same_tokens_as"] for row in rows}
    assert len(rows) == len(FORMATS)
    assert (same["double_spaces"], same["bullet_dash_wide"], same["json_list"]) == ("", "bullet_dash", None)
