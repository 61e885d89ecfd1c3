"""Dialogues: who is asked what, what becomes of the replies, and what is counted."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.augment import registry
from kinj.augment.share import Share
from kinj.augment.written.budget import Budget
from kinj.augment.written.client import Call, Client, Keep, open_client
from kinj.augment.written.drive import write_views
from kinj.augment.written.estimate import estimate, refuse_beyond_budget
from kinj.augment.written.kept import KeptReplies, Reply
from kinj.config.errors import UnfinishedError, UsageError
from kinj.config.names import WRITTEN
from kinj.config.schema import AugmentSettings, EntigraphSettings, LlmSettings, QaSettings
from kinj.data.forms import record_from_json, record_to_json
from kinj.data.records import Document, Fact, Question

TEXT = "Ada Byron was born in London in 1815. She wrote 12 programs."
FACTS = [
    Fact(subject="Ada", relation="born", value="1815", start=32, end=36),
    Fact(subject="Ada", relation="city", value="London", start=22, end=28),
]
ADA = Document(id="ada", text=TEXT, title="Ada", facts=FACTS, meta={"year": 1})
BOB = Document(id="bob", text="Bob lives in Łódź.")
LLM = LlmSettings(model="m", max_new_tokens=50)


class Scripted:
    """Answers with what `write` makes of a call; a token is a word."""

    def __init__(self, write: Callable[[Call], str | Reply]) -> None:
        self.write = write
        self.asked: list[Call] = []
        self.batches: list[int] = []

    def request(self, call: Call) -> dict[str, Any]:
        return {"prompt": call.text, "seed": call.seed}

    def tokens(self, text: str) -> int:
        return len(text.split())

    def ask(self, calls: Sequence[Call], keep: Keep, budget: Budget) -> list[Reply]:
        self.batches.append(len(calls))
        found = []
        for call in calls:
            self.asked.append(call)
            made = self.write(call)
            tokens = (self.tokens(call.text), 7)
            reply = Reply(made, "", False, *tokens) if isinstance(made, str) else made
            if reply.tokens_in:
                keep(call, reply)
            found.append(reply)
        return found


def client_with(
    write: Callable[[Call], str | Reply], kept: KeptReplies | None = None, **llm: Any
) -> tuple[Client, Scripted]:
    model = Scripted(write)
    return Client(model, KeptReplies(None) if kept is None else kept, replace(LLM, **llm)), model


def sensible(call: Call) -> str:
    """What a good model would reply, to each of the shipped prompts."""
    if '"entities"' in call.text:
        return json.dumps({"summary": "s", "entities": ["Ada Byron", "London", "1815", "ada byron", "programs"]})
    if '"question"' in call.text:
        return json.dumps([{"question": f"Q {call.seed}?", "answer": 1815}, {"question": "Where?", "answer": " Łódź "}])
    if '["...", "...", ...]' in call.text:
        return json.dumps([f"Ada was born in 1815 ({call.seed}).", " She wrote\n12 programs. "])
    return f"In 1815 somebody was born, says {call.seed}."


def settings(name: str, views: int = 3, **more: Any) -> AugmentSettings:
    return AugmentSettings(method=[name], views=views, llm=LLM, **more)


def run(
    chosen: AugmentSettings, client: Client, documents: Sequence[Document] = (ADA, BOB), seed: int = 0
) -> list[list[Document]]:
    return write_views(documents, registry.get(chosen.method[0]).build(chosen, seed), Share(chosen.views), seed, client)


@pytest.mark.parametrize("name", WRITTEN)
def test_views_know_where_they_come_from(name: str) -> None:
    client, model = client_with(sensible)
    views = run(settings(name), client, seed=5)
    assert [len(own) for own in views] == [3, 3]
    for original, own in zip((ADA, BOB), views, strict=True):
        assert [view.id for view in own] == [f"{original.id}#{name}.{n}" for n in (1, 2, 3)]
        for view in own:
            assert view.view is not None
            assert (view.source, view.title, view.view.seed) == (original.id, original.title, 5)
            assert view.view.method.split("/")[0] == name
            assert original.meta.items() <= view.meta.items()
            assert all(view.text[f.start : f.end] == f.value for f in view.facts)
    assert len({view.text for own in views for view in own}) == 6
    assert len({call.seed for call in model.asked}) == len(model.asked)
    assert all(0 <= call.seed < 2**31 for call in model.asked)


@pytest.mark.parametrize("name", WRITTEN)
def test_views_depend_on_the_document_alone(name: str) -> None:
    together = run(settings(name), client_with(sensible)[0])
    assert [run(settings(name), client_with(sensible)[0], [one])[0] for one in (BOB, ADA)] == together[::-1]
    other = run(settings(name), client_with(sensible)[0], seed=1)
    assert {v.text for own in other for v in own}.isdisjoint({v.text for own in together for v in own})
    fewer = run(settings(name, views=2), client_with(sensible)[0])
    assert [own[:2] for own in together] == fewer


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("text", ["", " \n\t"])
def test_nothing_is_asked_about_nothing(name: str, text: str) -> None:
    client, model = client_with(sensible)
    assert run(settings(name), client, [Document(id="e", text=text)]) == [[]]
    assert model.asked == []


def test_facts_are_kept_where_they_are_repeated() -> None:
    client, _ = client_with(sensible)
    views = run(settings("paraphrase"), client)
    assert {tuple(f.value for f in view.facts) for view in views[0]} == {("1815",)}
    assert client.take()[0]["facts_missing"] == 3


def test_questions_that_may_be_asked_together_are() -> None:
    client, model = client_with(sensible)
    run(settings("paraphrase"), client)
    assert model.batches == [6]
    client, model = client_with(sensible)
    run(settings("entigraph"), client)
    assert model.batches == [2, 6]


def test_paraphrases_differ_in_style_before_they_repeat_one() -> None:
    client, _ = client_with(sensible)
    (views,) = run(settings("paraphrase", views=12), client, [ADA])
    variants = [view.view.method.partition("/")[2] for view in views if view.view]
    assert len(set(variants)) == 12
    assert len({name.partition("-")[0] for name in variants[:6]}) == 6


def test_questions_with_answers() -> None:
    client, model = client_with(sensible)
    (views,) = run(settings("qa", views=1, qa=QaSettings(pairs=9)), client, [replace(ADA, id="v", source="ada")])
    assert "Write 9 questions" in model.asked[0].text
    (view,) = views
    first, second = (record_from_json(row) for row in view.meta["qa"])
    assert isinstance(second, Question)
    assert view.text.endswith("\n\nQuestion: Where?\nAnswer: Łódź")
    assert (second.id, second.document, second.prompt, second.answers) == ("v#qa.1.2", "ada", "Where?", ["Łódź"])
    assert isinstance(first, Question)
    assert first.answers == ["1815"]
    again = record_from_json(json.loads(json.dumps(record_to_json(view))))
    assert again == view


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ('{"question": "a", "answer": "b"}', "is not a list of questions"),
        (
            '[{"question": "a"}, {"question": "", "answer": "b"}, "x", {"question": "a", "answer": true}]',
            "holds no questions",
        ),
        ('[{"question": "a", "answer": "b"', "is not valid JSON"),
        ("Q: a", "holds no JSON"),
    ],
)
def test_replies_that_hold_no_questions(reply: str, reason: str) -> None:
    client, _ = client_with(lambda call: reply, attempts=1)
    assert run(settings("qa", views=1), client, [ADA]) == [[]]
    assert client.failures[0].reason.startswith(reason)


def test_atomic_statements_stand_on_lines() -> None:
    (views,) = run(settings("atomic", views=1), client_with(sensible)[0], [ADA])
    assert views[0].text.splitlines()[1] == "She wrote 12 programs."


def test_entigraph_asks_for_pairs_and_then_triples() -> None:
    client, model = client_with(sensible)
    (views,) = run(settings("entigraph", views=100), client, [ADA])
    entities = ["ada byron", "London", "1815", "programs"]
    assert [view.view.method for view in views if view.view] == ["entigraph/pair"] * 6 + ["entigraph/triple"] * 4
    pairs = [tuple(e for e in entities if f" {e}; " in f" {line}; " or f" {e}." in line) for line in _named(model, 2)]
    assert sorted(pairs) == sorted(combinations(entities, 2))
    triples = [tuple(e for e in entities if f" {e}; " in f" {line}; " or f" {e}." in line) for line in _named(model, 3)]
    assert sorted(triples) == sorted(combinations(entities, 3))
    assert all(TEXT in call.text and "Title: Ada\n" in call.text for call in model.asked)


def _named(model: Scripted, size: int) -> list[str]:
    word = {2: "these two:", 3: "these three:"}[size]
    return [call.text.split(word)[1].splitlines()[0] for call in model.asked if word in call.text]


@given(count=st.integers(1, 60), most=st.integers(2, 8), seed=st.integers(0, 5))
def test_entigraph_stays_within_its_budget(count: int, most: int, seed: int) -> None:
    names = [f"e{n}" for n in range(10)]
    client, model = client_with(lambda call: json.dumps(names) if '"entities"' in call.text else f"text {call.seed}")
    chosen = settings("entigraph", count, entigraph=EntigraphSettings(entities=most))
    (views,) = run(chosen, client, [ADA], seed)
    assert len(views) == min(count, math.comb(most, 2) + math.comb(most, 3)) == len(model.asked) - 1
    assert len(set(_named(model, 2) + _named(model, 3))) == len(views)


@pytest.mark.parametrize(
    "entities", ['["one"]', '["one", "ONE"]', "[]", '{"summary": "s"}', '[{"name": "a"}, {"name": "b"}]']
)
def test_entigraph_without_entities(entities: str) -> None:
    client, model = client_with(lambda call: entities)
    assert run(settings("entigraph"), client) == [[], []]
    assert len(model.asked) == 2 * LLM.attempts
    assert [(failure.document, failure.question) for failure in client.failures] == [("ada", 0), ("bob", 0)]


def test_what_is_of_no_use_is_asked_again_with_another_seed() -> None:
    tried: Counter[str] = Counter()

    def fussy(call: Call) -> str:
        tried[call.text] += 1
        return "" if tried[call.text] <= 2 else f"text {call.seed}"

    client, model = client_with(fussy)
    views = run(settings("structured"), client)
    assert [len(own) for own in views] == [3, 3]
    assert len({call.seed for call in model.asked}) == 18
    counts, failures = client.take()
    assert (counts["requests"], counts["asked_again"], failures) == (18, 12, [])
    assert client.take() == (Counter(), [])


@pytest.mark.parametrize(("final", "asked"), [(False, 9), (True, 3)])
def test_what_cannot_be_had_is_counted_and_the_rest_is_kept(final: bool, asked: int) -> None:
    def write(call: Call) -> str | Reply:
        return f"text {call.seed}" if "Bob" in call.text else Reply(problem="is cut off", final=final, tokens_in=1)

    client, model = client_with(write)
    views = run(settings("structured"), client)
    assert [len(own) for own in views] == [0, 3]
    assert sum("Bob" not in call.text for call in model.asked) == asked
    reasons = [(f.document, f.method, f.question, f.reason) for f in client.take()[1]]
    assert reasons == [("ada", "structured", number, "is cut off") for number in range(3)]


def test_a_view_that_says_nothing_new_is_left_out() -> None:
    client, _ = client_with(lambda call: TEXT if "Byron" in call.text else "always the same")
    assert [len(own) for own in run(settings("structured"), client)] == [0, 1]
    assert client.take()[0]["repeated"] == 5


def test_what_was_answered_is_not_asked_again() -> None:
    kept = KeptReplies(None)
    first = run(settings("entigraph"), client_with(sensible, kept)[0])
    client, model = client_with(sensible, kept)
    assert run(settings("entigraph"), client) == first
    assert (model.asked, client.paid) == ([], 0)
    more = run(settings("entigraph", views=4), client)
    assert [own[:3] for own in more] == first
    assert client.paid == 2


def test_estimate() -> None:
    chosen = settings("entigraph", entigraph=EntigraphSettings(entities=4))
    method = registry.get("entigraph").build(chosen, 0)
    priced = {"price_in": 1e6, "price_out": 2e6}
    client, model = client_with(sensible, **priced)
    found = estimate([ADA, BOB], [method], Share(3), 0, client)
    assert (found.requests, found.known, found.longest) == (8, 0, 400)
    run(chosen, client)
    assert abs(found.tokens_in / sum(model.tokens(call.text) for call in model.asked) - 1) < 0.1
    assert found.cost(10) == found.tokens_in + 20
    assert f"about 8 requests: {found.tokens_in:,} tokens of prompts" in str(found)
    assert found.to_json()["cost_at_most"] == found.tokens_in + 800
    again = estimate([ADA, BOB], [method], Share(3), 0, client)
    assert (again.requests, again.known, again.cost(0)) == (0, 8, 0)
    more = estimate([ADA, BOB], [method], Share(4), 0, client)
    assert (more.requests, more.known) == (2, 8)
    assert "(8 more are answered already)" in str(more)


def test_estimate_of_what_failed_before() -> None:
    client, _ = client_with(lambda call: "", attempts=2)
    chosen = settings("structured", views=1)
    run(chosen, client, [ADA])
    method = registry.get("structured").build(chosen, 0)
    found = estimate([ADA], [method], Share(1), 0, client)
    assert (found.requests, found.known) == (0, 2)


@pytest.mark.parametrize("limit", [{"max_tokens": 200}, {"max_cost": 0.5, "price_out": 2e4}])
def test_a_budget_that_does_not_suffice(limit: dict[str, Any]) -> None:
    client, model = client_with(sensible, **limit)
    chosen = replace(settings("structured"), llm=client.settings)
    found = estimate([ADA, BOB], [registry.get("structured").build(chosen, 0)], Share(3), 0, client)
    with pytest.raises(UsageError, match="does not suffice") as caught:
        refuse_beyond_budget(found, client)
    assert "augment.llm.cut=true" in caught.value.hint
    client.settings.cut = True
    refuse_beyond_budget(found, client)
    assert model.asked == []


def test_errors_say_what_is_kept(tmp_path: Any) -> None:
    def down(call: Call) -> str:
        if "Bob" in call.text:
            raise UnfinishedError("down", "wait")
        return "text"

    kept = KeptReplies(tmp_path / "kept.jsonl")
    client, _ = client_with(down, kept)
    with pytest.raises(UnfinishedError, match="down") as caught:
        run(settings("structured"), client)
    assert caught.value.hint == f"wait\nall 3 replies so far are kept in {tmp_path}/kept.jsonl"
    kept.close()


def test_a_model_must_be_named() -> None:
    with pytest.raises(UsageError, match="no language model is named") as caught:
        open_client(LlmSettings(), KeptReplies(None))
    assert "augment.llm.url=" in caught.value.hint
