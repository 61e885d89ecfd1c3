"""Token budgets: the output comes within 2 % of the size that was asked for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from kinj.augment import budget
from kinj.augment.run import augment_file
from kinj.augment.share import Share
from kinj.augment.tokens import WHOLE, count_tokens, estimate_tokens
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import AugmentSettings, ModelSettings, Settings
from kinj.data.files import read_documents
from kinj.data.records import Document


def corpus(count: int) -> list[Document]:
    """Documents of very different lengths."""
    rng = random.Random(1)
    words = [
        "Ada",
        "Oslo",
        "wrote",
        "met",
        "books",
        "seven",
        "liked",
        "the",
        "of",
        "in",
        "12",
        "programs",
        "snow,",
        "a",
    ]

    def text() -> str:
        sentences = (" ".join(rng.choices(words, k=rng.randint(4, 15))) for _ in range(rng.choice([1, 2, 3, 5, 30])))
        return " ".join(f"{sentence.capitalize()}." for sentence in sentences)

    return [Document(id=f"d{number}", text=text()) for number in range(count)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(documents: list[Document]) -> str:
    Path("corpus.jsonl").write_text("".join(json.dumps({"id": d.id, "text": d.text}) + "\n" for d in documents))
    return "corpus.jsonl"


def with_target(target: str, **more: Any) -> Settings:
    return Settings(augment=AugmentSettings(target_tokens=target, **more))


def tokens(path: str) -> int:
    return sum(count_tokens("tiny", [document.text for document in read_documents(path)]))


@pytest.mark.parametrize("times", [1.7, 4.0, 11.5])
def test_a_small_corpus(times: float) -> None:
    source = written(corpus(60))
    target = round(times * tokens(source))
    told: list[str] = []
    augment_file([source], Path("views.jsonl"), with_target(str(target)), progress=told.append)
    assert abs(tokens("views.jsonl") / target - 1) <= 0.02
    assert told[0] == f"counting  one pass over the input first, to choose the views for {target} tokens"
    assert f"for about {target:,} tokens (tokenizer of tiny)" in told[1]


def test_a_corpus_larger_than_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SAMPLE", 300)
    source = written(corpus(900))
    target = 5 * tokens(source)
    augment_file([source], Path("views.jsonl"), with_target(f"{target / 1000}k"))
    assert abs(tokens("views.jsonl") / target - 1) <= 0.02


def test_neither_order_nor_workers_matter() -> None:
    documents = corpus(80)
    settings = with_target("60k")
    assert budget.choose_share(documents, settings) == budget.choose_share(documents[::-1], settings)
    source = written(documents)
    augment_file([source], Path("one.jsonl"), settings)
    augment_file([source], Path("two.jsonl"), with_target("60k", workers=2))
    assert Path("one.jsonl").read_bytes() == Path("two.jsonl").read_bytes()


def test_the_documents_alone_are_too_long() -> None:
    with pytest.raises(UsageError, match=r"the input alone has about [\d,]+ tokens, and augment.target_tokens is 50"):
        budget.choose_share(corpus(60), with_target("50"))


def test_a_bad_line_stops_before_anything_is_written() -> None:
    source = written(corpus(5))
    with Path(source).open("a") as file:
        file.write("{\n")
    with pytest.raises(KinjError, match="line 6"):
        augment_file([source], Path("views.jsonl"), with_target("5k"))
    assert [path.name for path in Path().iterdir()] == [source]
    assert augment_file([source], Path("views.jsonl"), with_target("5k"), on_error="skip").rejected == 1


def test_shares_come_by_id() -> None:
    share = Share(2, 0.25)
    counts = [share.views(f"d{number}", 0) for number in range(2000)]
    assert set(counts) == {2, 3}
    assert 0.2 < counts.count(3) / 2000 < 0.3
    assert Share(2).views("d", 0) == 2


def test_another_models_tokenizer() -> None:
    source = written(corpus(20))
    report = augment_file([source], Path("views.jsonl"), Settings(model=ModelSettings(name="tiny-plain")))
    assert report.token_factor > 5
    with pytest.raises(UsageError, match="no such model"):
        augment_file([source], Path("other.jsonl"), Settings(model=ModelSettings(name="tinny")))


def test_tokens_of_a_long_text_are_estimated_from_parts_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer takes seconds for a million characters. The text changes its manner on the way."""
    long = "\n\n".join(document.text for document in corpus(300)) + "1, 2, 3; " * 3000
    (true,) = count_tokens("tiny", [long])
    read: list[str] = []

    def counted(model: str, texts: list[str]) -> list[int]:
        read.extend(texts)
        return count_tokens(model, texts)

    monkeypatch.setattr("kinj.augment.tokens.count_tokens", counted)
    assert len(long) > 4 * WHOLE
    assert estimate_tokens("tiny", ["", "Ada", long]) == [
        0,
        *count_tokens("tiny", ["Ada"]),
        pytest.approx(true, rel=0.1),
    ]
    assert sum(map(len, read)) == len("Ada") + WHOLE


def test_a_target_beyond_all_views_is_said_to_be_missed() -> None:
    told: list[str] = []
    source = written([Document(id="a", text="x")])
    augment_file([source], Path("views.jsonl"), with_target("1M"), progress=told.append)
    augment_file([source], Path("few.jsonl"), with_target("50"), progress=told.append)
    missed, reached = (line for line in told if line.startswith("counted"))
    assert missed.endswith("; fewer than 1M, as there are no more different ones")
    assert reached.endswith("(tokenizer of tiny)")
