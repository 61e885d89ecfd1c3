"""What each probe asks and what it makes of the answers. No model here: answers are made by hand."""

from dataclasses import replace

import pytest

from kinj.config.errors import UsageError
from kinj.config.names import PROBES
from kinj.data.records import Document
from kinj.eval import registry
from kinj.eval.asking import NotMeasuredError
from kinj.eval.probes.biographies import Biographies
from kinj.eval.probes.qa import QA
from kinj.eval.probes.retention import PASSAGE, Retention, passages
from kinj.eval.probes.wiki2023 import Wiki2023
from kinj.eval.probes.wikidyk import DIMENSIONS, WikiDYK, WikiDYKStandIn
from kinj.eval.probes.wikidyk_stand_in import records
from kinj.eval.summary import interval, prediction_rows
from tests.eval.conftest import ask_about, perfectly, respond


def by_name(measures):
    assert len({m.name for m in measures}) == len(measures)
    return {m.name: m for m in measures}


def value(measure):
    return interval(measure).value


def test_the_registry_holds_the_names_that_settings_know(people):
    assert registry.names() == list(PROBES)
    assert [registry.get(name, people).name for name in PROBES] == [
        "biographies",
        "backward",
        "wiki2023",
        "wikidyk-stand-in",
        "qa",
        "cloze",
        "retention",
        "formats",
        "loss_gap",
        "sharpness",
        "calibration",
        "generalization",
        "multihop",
        "dose",
        "capacity",
        "tofu",
        "linear",
        "priming",
    ]
    with pytest.raises(UsageError, match="there is no probe `dreams`"):
        registry.get("dreams", people)


def test_biographies_reports_recall_by_attribute_reverse_and_two_hop(people):
    requests = Biographies().requests(people)
    assert len(requests) == 6 * 8
    measures = by_name(Biographies().summarise(perfectly(requests)))
    assert list(measures)[:5] == [
        "recall",
        "recall_f1",
        "recall_contains",
        "recall_rouge_l_recall",
        "recall/birth_date",
    ]
    assert {"recall/company_city", "reverse", "two_hop"} < set(measures)
    assert {value(m) for m in measures.values()} == {1.0}
    assert (interval(measures["recall"]).n, interval(measures["recall"]).clusters) == (36, 6)
    assert len(measures["reverse"].values) == 6


def test_biographies_counts_forms_apart(people):
    answers = [
        replace(r, text="?") if r.request.meta["question"].kind == "forward" else r
        for r in perfectly(Biographies().requests(people))
    ]
    measures = by_name(Biographies().summarise(answers))
    assert (value(measures["recall"]), value(measures["recall/major"]), value(measures["reverse"])) == (0, 0, 1)


def test_without_a_run_biographies_is_the_extraction_test(people):
    people.run = None
    people.settings.eval.limit = 16
    asked = Biographies().questions(people)
    assert len(asked) == 16
    assert {int(question.document.removeprefix("A-")) % 2 for question in asked} == {1}
    assert "population A" in people.notices[0]


def test_biographies_of_other_data_are_not_measured(with_pools):
    with pytest.raises(NotMeasuredError, match="--probe qa"):
        Biographies().requests(with_pools("corpus", questions=[]))


def test_changes_since_a_baseline_are_paired_by_item(people):
    requests = Biographies().requests(people)
    after = perfectly(requests)
    before = [replace(r, text="?") if n % 8 == 0 else r for n, r in enumerate(after)]
    measures = by_name(Biographies().summarise(after, before))
    assert value(measures["recall_change"]) == pytest.approx(1 / 6)
    assert "recall/major_change" not in measures
    assert interval(measures["recall_change"]).clusters == 6


def test_qa_reports_by_kind_and_ranks_choices(with_pools):
    asked = [
        ask_about("d1", "Who?", "Ada", "Ada Byron", kind="who", choices=["Bo", "Ada"]),
        ask_about("d1", "Where?", "Rome", kind="where"),
        ask_about("d2", "When?", "1901", kind="where", choices=["1901"]),
    ]
    context = with_pools("corpus", questions=[*asked, Document(id="x", text="no question")])
    requests = QA().requests(context)
    assert [r.kind for r in requests].count(
        "loglikelihood"
    ) == 4  # two choices, each after the question and after nothing
    measures = by_name(QA().summarise(perfectly(requests)))
    assert list(measures) == [
        *("exact_match", "f1", "contains", "rouge_l_recall"),
        *("exact_match/who", "contains/who", "exact_match/where", "contains/where"),
        *("choice", "choice_per_character", "choice_pmi", "choice_no_question", "truth"),
    ]
    answers = [respond(r, "byron", -3.0) for r in requests]
    measures = by_name(QA().summarise(answers))
    assert value(measures["exact_match"]) == 0
    assert value(measures["contains"]) == 0
    assert value(measures["f1"]) == pytest.approx(2 / 9)
    assert value(measures["choice"]) == 0.5  # a tie


def test_qa_scores_what_follows_a_text_that_is_to_be_continued(with_pools):
    asked = [
        ask_about("d1", "Mars has a", "mayor.", kind="mem", meta={"form": "completion"}),
        ask_about("d1", "Venus has a", "queen.", kind="gen", meta={"form": "completion"}),
        ask_about("d2", "Who?", "Ada", kind="who"),
    ]
    requests = QA().requests(with_pools("fictional", questions=asked))
    targets = [r for r in requests if r.kind == "loglikelihood"]
    assert [(r.prompt, r.continuation, r.completion) for r in targets] == [
        ("Mars has a", "mayor.", True),
        ("Venus has a", "queen.", True),
    ]
    answers = [respond(r, "?", -6.0 if r.prompt.startswith("Mars") else -1.0, 2) for r in requests]
    answers = [replace(answer, greedy=answer.logprob == -1.0) for answer in answers]
    measures = by_name(QA().summarise(answers))
    assert value(measures["target_loss"]) == pytest.approx((3 + 0.5) / 2)
    assert (value(measures["target_loss/mem"]), value(measures["target_loss/gen"])) == (3, 0.5)
    assert value(measures["target_greedy"]) == 0.5
    assert measures["target_loss"].direction == -1
    assert {row["id"]: row.get("target") for row in prediction_rows(answers)}["d1:Venus has a"] == {
        "logprob": -1.0,
        "tokens": 2,
        "greedy": True,
    }


def test_qa_orders_kinds_by_the_number_they_differ_in(with_pools):
    bands = ["popularity_1000-9999", "popularity_0-99", "popularity_100-999"]
    asked = [ask_about("d", str(n), "a", kind=band) for n, band in enumerate(bands)]
    measures = QA().summarise(perfectly(QA().requests(with_pools("popqa", questions=asked))))
    found = [m.name.partition("/")[2] for m in measures if m.name.startswith("exact_match/")]
    assert found == [bands[1], bands[2], bands[0]]


def test_qa_without_questions_is_not_measured(with_pools):
    with pytest.raises(NotMeasuredError, match="no pool `questions`"):
        QA().requests(with_pools("corpus", documents=[]))
    with pytest.raises(NotMeasuredError, match="no questions"):
        QA().requests(with_pools("corpus", questions=[]))


def test_limit_asks_the_first_questions_only(with_pools):
    context = with_pools("corpus", questions=[ask_about("d", str(n), "a") for n in range(9)])
    context.settings.eval.limit = 4
    assert [question.prompt for question in QA().questions(context)] == ["0", "1", "2", "3"]


FILMS = [ask_about(f"film{n}", f'Who directed "Film {n}"?', f"Person Nr{'abcdefghijklmno'[n]}") for n in range(15)]


def test_wiki2023_ranks_among_ten_answers_of_other_articles(with_pools):
    requests = Wiki2023().requests(with_pools("wiki2023", questions=FILMS))
    first = [r for r in requests if r.id == FILMS[0].id and r.kind == "loglikelihood"]
    assert [r.continuation for r in first[:10]] == [r.continuation for r in first[10:]]
    assert first[0].continuation == FILMS[0].answers[0]
    assert len({r.continuation for r in first}) == 10
    measures = by_name(Wiki2023().summarise(perfectly(requests)))
    assert list(measures)[:5] == [
        *("ranked_first", "ranked_first_per_character", "ranked_first_pmi", "ranked_first_no_question", "exact_match")
    ]
    assert value(measures["ranked_first"]) == 1
    assert "guessing gives 0.100" in measures["ranked_first"].note
    assert interval(measures["ranked_first"]).clusters == 15


def test_a_limit_draws_the_same_wrong_answers(with_pools):
    context = with_pools("wiki2023", questions=FILMS)
    everything = Wiki2023().requests(context)
    context.settings.eval.limit = 2
    few = Wiki2023().requests(context)
    assert few == [request for request in everything if request.id in {question.id for question in FILMS[:2]}]
    assert context.notices == []


def test_the_corrected_ranking_takes_off_what_the_answer_has_anyway(with_pools):
    requests = Wiki2023().requests(with_pools("wiki2023", questions=FILMS))
    answers = []
    for request in requests:
        right = request.continuation == request.meta["question"].answers[0]
        neutral = request.meta.get("premise") == "neutral"
        # A wrong answer is likely in itself; the question raises the right one from -8 to -3 and leaves the wrong ones at -2.
        answers.append(respond(request, "", (-8.0 if neutral else -3.0) if right else -2.0))
    measures = by_name(Wiki2023().summarise(answers))
    assert [value(measures[f"ranked_first{end}"]) for end in ("", "_pmi", "_no_question")] == [0, 1, 0]


def test_a_question_whose_type_nobody_else_answers_is_not_ranked_and_this_is_said(with_pools):
    context = with_pools("wiki2023", questions=[*FILMS, ask_about("f", "When was it shown?", "May 3, 2023")])
    requests = Wiki2023().requests(context)
    assert len([r for r in requests if r.kind == "loglikelihood"]) == 20 * 15
    assert "1 questions are not ranked" in context.notices[0]
    with pytest.raises(NotMeasuredError, match="data=wiki2023"):
        Wiki2023().requests(with_pools("tofu", questions=FILMS))


def test_wikidyk_scores_each_dimension_by_case_sensitive_match(with_pools):
    asked = [ask_about("1", f"{kind}?", "Ada", kind=kind) for kind in (*DIMENSIONS, "new_one")]
    context = with_pools("wikidyk", questions=asked)
    assert isinstance(registry.get("wikidyk", context), WikiDYK)
    requests = WikiDYK().requests(context)
    answers = [respond(r, "it is ada" if r.id.endswith("locality?") else "it is Ada.") for r in requests]
    measures = by_name(WikiDYK().summarise(answers))
    assert [value(measures[kind]) for kind in (*DIMENSIONS, "new_one")] == [1, 1, 1, 1, 1, 1, 0, 1]
    assert value(measures["locality/contains"]) == 1
    assert value(measures["reliability/exact_match"]) == 0


def test_the_stand_in_asks_about_the_people_of_the_run_in_the_official_schema(people):
    made = list(records(people))
    injected = {document.id: document for document in people.data.pool("documents")}
    assert [record["case_id"] for record in made] == list(injected)
    for record in made:
        assert set(record) == {"case_id", "fact", "eval"}
        assert tuple(sorted(record["eval"])) == tuple(sorted(DIMENSIONS))
        pairs = record["eval"]
        text = injected[record["case_id"]].text
        for dimension in ("reliability", "generality", "paraphrase", "portability"):
            assert pairs[dimension]["answer"] in text
        assert pairs["paraphrase"]["answer"] == pairs["reliability"]["answer"] != pairs["generality"]["answer"]
        assert pairs["paraphrase"]["prompt"] != pairs["reliability"]["prompt"]
        assert (pairs["factual"]["answer"], pairs["counterfactual"]["answer"]) == ("Yes", "No")
        city = pairs["factual"]["prompt"].split(" born in ")[1].removesuffix("?")
        assert city in text
        assert f" {city}?" not in pairs["counterfactual"]["prompt"]
    known = {question.prompt for pool in ("known_replayed", "known_unreplayed") for question in people.data.pool(pool)}
    assert {record["eval"]["locality"]["prompt"] for record in made} <= known
    assert len({record["eval"]["locality"]["prompt"] for record in made}) == len(made)


def test_the_stand_in_uses_no_wording_of_the_training_questions(people):
    trained = {" ".join(q.prompt.split()) for q in people.data.pool("base_questions")} | {
        q.prompt for q in people.data.pool("train_questions")
    }
    assert not trained & {question.prompt for question in WikiDYKStandIn().questions(people)}


def test_the_stand_in_is_announced_with_what_to_pass_for_the_real_one(people, with_pools):
    probe = registry.get("wikidyk", people)
    measures = by_name(probe.summarise(perfectly(probe.requests(people))))
    assert probe.name == "wikidyk-stand-in"
    assert value(measures["portability"]) == 1
    assert len(people.notices) == 1
    assert "stand-in" in people.notices[0]
    assert "data=wikidyk data.path=FILE" in people.notices[0]
    with pytest.raises(NotMeasuredError, match="data=wikidyk"):
        WikiDYKStandIn().requests(with_pools("corpus", questions=[]))


def test_the_stand_in_without_a_run_asks_about_people_met_in_texts_only(people):
    people.run = None
    numbers = [int(record["case_id"].removeprefix("A-")) for record in records(people)]
    assert numbers == [1, 3, 5, 7, 9, 11]


def test_retention_keeps_replayed_and_other_facts_apart(people):
    people.settings.eval.limit = 12
    requests = Retention().requests(people)
    assert [question.id for question in Retention().questions(people)] == [r.id for r in requests]
    answers = [replace(r, text="?") if r.request.meta["pool"] == "known_unreplayed" else r for r in perfectly(requests)]
    measures = by_name(Retention().summarise(answers))
    assert list(measures) == ["known_replayed", "known_replayed_f1", "known_unreplayed", "known_unreplayed_f1"]
    assert (value(measures["known_replayed"]), value(measures["known_unreplayed"])) == (1, 0)


def test_what_a_shipped_model_knew_is_asked_also_where_the_run_was_about_other_data(with_pools, people):
    context = with_pools("corpus", documents=[])
    context.settings.model.name = "tiny"
    context.settings.eval.limit = 5
    assert [r.meta["pool"] for r in Retention().requests(context)] == ["known_replayed"] * 5 + ["known_unreplayed"] * 5
    context.settings.data.name = "corpus"  # then nothing of population A was replayed
    assert [r.meta["pool"] for r in Retention().requests(context)] == ["known_unreplayed"] * 10


def test_perplexity_weighs_every_token_alike_and_changes_are_ratios(with_pools):
    texts = [Document(id=name, text=text) for name, text in (("a", "one\n"), ("b", "two\n"))]
    context = with_pools("text", documents=texts)
    requests = Retention().requests(context)
    after = [respond(requests[0], logprob=-2.0, tokens=1), respond(requests[1], logprob=-1.0, tokens=3)]
    before = [respond(requests[0], logprob=-1.0, tokens=1), respond(requests[1], logprob=-1.0, tokens=3)]
    measures = by_name(Retention().summarise(after, before))
    assert value(measures["perplexity"]) == pytest.approx(2.718281828 ** (3 / 4))
    assert value(measures["perplexity_ratio"]) == pytest.approx(2.718281828 ** (1 / 4))
    assert interval(measures["perplexity"]).clusters == 2
    assert measures["perplexity"].direction == -1


def test_retention_of_data_without_anything_known_is_not_measured(with_pools):
    with pytest.raises(NotMeasuredError, match=r"data\.retention\.texts=\[FILE\]"):
        Retention().requests(with_pools("corpus", documents=[Document(id="a", text="b")]))


def test_passages_join_to_the_text():
    text = "\n\n".join(["word " * 300, "x" * 5000, "", "end"]) + "\n"
    parts = passages(text)
    assert "".join(parts) == text
    assert max(map(len, parts)) <= PASSAGE
    assert passages(" \n\n") == []
