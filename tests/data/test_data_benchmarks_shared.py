"""The adapters on the real files: counts as their SOURCE.md tells, and what the files promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinj.config.schema import DataSettings
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.records import Document, Question

pytestmark = pytest.mark.shared

COUNTS: dict[str, tuple[str, dict[str, int]]] = {
    "wiki2023": (
        "wiki2023_film",
        {"documents": 256, "questions": 1743, "train_documents": 1720, "train_questions": 11603},
    ),
    "wikidyk": (
        "wikidyk_subset",
        {"documents": 765, "questions": 765, "dev_documents": 1000, "dev_questions": 1000},
    ),
    "fictional": ("fictional_knowledge", {"documents": 130, "questions": 1950, "views": 40 * 10}),
    "tofu": (
        "tofu",
        {"train_questions": 4000, "questions": 800, "seen_questions": 800, "real_authors": 100, "world_facts": 117},
    ),
    "squad": (
        "seal_squad",
        {
            "documents": 2067,
            "questions": 10570,
            "views_gpt41_implications": 1200,
            "views_qwen25_7b_rewrite": 1200,
            "views_qwen25_7b_selfqa": 1200,
        },
    ),
    "reversal": ("reversal_curse", {"documents": 3600, "questions": 1800, "shuffled": 600}),
    "mquake": ("mquake_hard", {"documents": 769, "questions": 429 * (3 + 4)}),
    "nq_open": ("nq_open", {"questions": 3610, "efficientqa_dev": 1800, "efficientqa_test": 1769}),
    "popqa": ("popqa_subset", {"questions": 1000, "dev_questions": 1000}),
    "text": (
        "retention_text",
        {
            "documents": 27045,
            "wikitext2_valid": 60,
            "wikitext2_test": 62,
            "tinyshakespeare": 7222,
            "gutenberg_moby_dick": 2802,
            "gutenberg_pride_and_prejudice": 2126,
            "gutenberg_war_and_peace": 12108,
            "gutenberg_sherlock_holmes": 2541,
            "us_state_union": 65,
            "us_inaugural": 59,
        },
    ),
}


def opened(shared_data: Path, name: str) -> DataSet:
    return open_data(DataSettings(name=name, path=str(shared_data / COUNTS[name][0])))


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_unique_ids(shared_data: Path, name: str) -> None:
    data = opened(shared_data, name)
    read = {pool: data.pool(pool) for pool in data.pools}
    assert {pool: len(records) for pool, records in read.items()} == COUNTS[name][1]
    assert all(len({record.id for record in records}) == len(records) for records in read.values())
    left_out = {reason for account in data.accounts for reason in account.left_out}
    assert left_out <= {"without paraphrases", "files that describe the others", "edits that another case has too"}


def test_wiki2023_answers_stand_in_their_article(shared_data: Path) -> None:
    data = opened(shared_data, "wiki2023")
    articles = {
        document.id: document.text.lower() for document in data.pool("documents") if isinstance(document, Document)
    }
    asked = [question for question in data.pool("questions") if isinstance(question, Question)]
    assert sum(question.answers[0].lower() in articles[str(question.document)] for question in asked) == 1466


def test_wikidyk_facts_have_no_lead_in(shared_data: Path) -> None:
    data = opened(shared_data, "wikidyk")
    facts = [d.text for pool in ("documents", "dev_documents") for d in data.pool(pool) if isinstance(d, Document)]
    assert not any(fact.startswith(("that ", "that,")) or fact.endswith("?") for fact in facts)


def test_fictional_targets_stand_in_their_article(shared_data: Path) -> None:
    data = opened(shared_data, "fictional")
    articles = {document.id: document.text for document in data.pool("documents") if isinstance(document, Document)}
    asked = [
        question for question in data.pool("questions") if isinstance(question, Question) and question.kind == "mem"
    ]
    assert len(asked) == 650
    assert all(question.answers[0] in articles[str(question.document)] for question in asked)


def test_tofu_rows_fit_together(shared_data: Path) -> None:
    data = opened(shared_data, "tofu")
    trained = {question.id: question for question in data.pool("train_questions") if isinstance(question, Question)}
    assert len({question.prompt for question in trained.values()}) == 3999
    for seen in data.pool("seen_questions"):
        assert isinstance(seen, Question)
        original = trained[seen.id.removesuffix(".seen")]
        assert (seen.prompt, seen.document) == (original.prompt, original.document)
        assert original.answers[0] in seen.answers
        assert seen.choices is not None
        assert len(seen.choices) == 6


def test_squad_answers_and_augmented_passages(shared_data: Path) -> None:
    data = opened(shared_data, "squad")
    passages = {document.id: document.text for document in data.pool("documents") if isinstance(document, Document)}
    asked = [question for question in data.pool("questions") if isinstance(question, Question)]
    assert all(question.answers[0] in passages[str(question.document)] for question in asked)
    views = [view for view in data.pool("views_gpt41_implications") if isinstance(view, Document)]
    assert {view.origin for view in views} <= passages.keys()
    assert len({view.origin for view in views}) == 200


def test_reversal_has_thirty_people_per_group(shared_data: Path) -> None:
    data = opened(shared_data, "reversal")
    people = {document.origin for document in data.pool("documents")}
    assert len(people) == 90
    asked = [question for question in data.pool("questions") if isinstance(question, Question)]
    assert {question.document for question in asked} == people
    assert {kind: sum(q.kind == kind for q in asked) for kind in ("p2d_forward", "p2d_reverse", "both")} == {
        "p2d_forward": 300,
        "p2d_reverse": 300,
        "both": 600,
    }
