"""Two models on the same questions: which answers changed, and the tests beside a difference."""

from dataclasses import replace

import pytest

from kinj.eval.base import Item, Measure
from kinj.eval.comparing import difference_tests, flips, forgotten, summary
from kinj.eval.probes.wiki2023 import Wiki2023
from kinj.eval.probes.wikidyk import WikiDYK
from kinj.eval.summary import interval, measure_json, prediction_rows
from kinj.eval.table import comparison_lines, interval_lines
from tests.eval.conftest import ask_about, perfectly, respond

QUESTIONS = [{"id": name, "prompt": f"{name}?", "answers": ["x"], "prediction": "-"} for name in "abcd"]
ROWS = [*QUESTIONS, {"id": "text", "logprob": -1.0}]


def measure(name, **answers):
    """A measure whose items are right where `x` is said."""
    items = [Item(question, said) for question, said in answers.items()]
    values = [float(said == "x") for said in answers.values()]
    return Measure(name=name, unit="share", direction=1, values=values, clusters=list(answers), items=items)


AFTER = [measure("m", a="x", b="y", c="x", d="y"), measure("m/part", b="x")]
BEFORE = [measure("m", c="w", b="x", a="x", d="x?")]


def difference(values, unit="share"):
    clusters = [str(i // 2) for i in range(len(values))]
    return Measure(name="m_change", unit=unit, direction=1, values=values, clusters=clusters, aggregate="difference")


def test_flips_are_the_questions_only_one_model_answers():
    found = flips(AFTER, BEFORE, ROWS)
    assert [(r["id"], r["change"], r["before"], r["after"]) for r in found] == [
        ("b", "lost", "x", "y"),
        ("c", "gained", "w", "x"),
    ]
    assert {r["score"] for r in found} == {"m"}  # the first measure that has the question, not its part
    told = summary(found)
    assert (told["gained"], told["lost"]) == (1, 1)
    assert [r["id"] for r in told["examples"]] == ["c", "b"]


def test_flips_of_wikidyk_go_by_its_own_match_and_those_of_wiki2023_by_the_ranking(with_pools):
    fact = ask_about("1", "Who?", "Ada", kind="reliability")
    requests = WikiDYK().requests(with_pools("wikidyk", questions=[fact]))
    after, before = ([respond(r, text) for r in requests] for text in ("it is Ada.", "it is Bo."))
    (found,) = flips(WikiDYK().summarise(after), WikiDYK().summarise(before), prediction_rows(after))
    assert (found["score"], found["change"], found["after"]) == ("reliability", "gained", "it is Ada.")

    films = [ask_about(f"f{n}", f"Who directed film {n}?", f"Person Nr{c}") for n, c in enumerate("abcdefghijkl")]
    requests = Wiki2023().requests(with_pools("wiki2023", questions=films))
    after = perfectly(requests)
    before = [replace(r, logprob=-20.0) if r.request.id == films[3].id and r.logprob == -1.0 else r for r in after]
    (found,) = flips(Wiki2023().summarise(after), Wiki2023().summarise(before), prediction_rows(after))
    assert (found["id"], found["score"], found["after"]) == (films[3].id, "ranked_first", "Person Nrd")
    assert found["before"] != "Person Nrd"


def test_forgotten_is_counted_among_what_was_right_before():
    before = measure("m", a="x", b="x", c="x", d="x", e="y", f="x")
    after = measure("m", a="x", b="y", c="y", d="y", e="x", f="x")
    (found,) = forgotten(after, before)
    assert (found.name, found.direction, found.values, found.clusters) == (
        *("m_forgotten", -1, [0, 1, 1, 1, 0]),
        ["a", "b", "c", "d", "f"],
    )
    assert found.note == "3 of 5 that were right before are wrong now"
    assert forgotten(after, measure("m", a="y", b="y")) == []


def test_examples_are_few():
    names = [f"q{i}" for i in range(9)]
    rows = [{"id": name, "prompt": "?"} for name in names]
    after, before = measure("m", **dict.fromkeys(names, "x")), measure("m", **dict.fromkeys(names, "y"))
    told = summary(flips([after], [before], rows))
    assert (told["gained"], len(told["examples"])) == (9, 3)


def test_a_difference_has_its_tests_beside_it():
    about = measure_json(difference([1.0, 1, 0, 0, 1, 0, -1, 0, 1, 1]))
    assert about["tests"]["mcnemar"] | {"p": 0} == {
        "gained": 5,
        "lost": 1,
        "p": 0,
        "assumes": "independent questions",
    }
    assert about["tests"]["mcnemar"]["p"] == pytest.approx(0.21875)
    # Sums by document: 2, 0, 1, -1, 2. Of the 16 flips of the others, 6 reach ±4 or ±6.
    assert about["tests"]["sign_flip"] == {"p": pytest.approx(6 / 16), "documents": 4, "exact": True}
    assert 0 < about["tests"]["smallest_detectable"] < 2
    assert about["method"].startswith("paired t over documents")


def test_scores_between_0_and_1_have_no_mcnemar_and_stay_in_range():
    measure = difference([0.9, 1.0, 0.95, 1.0, 0.2, 0.9])
    assert difference_tests(measure, interval(measure))["mcnemar"] is None
    assert interval(measure).high <= 1
    assert interval(difference([9.0, 1.0, 2.0, 3.0], "ratio")).high > 1


def test_one_document_has_no_smallest_change():
    measure = difference([1.0, 0.0])
    assert difference_tests(measure, interval(measure))["smallest_detectable"] is None


def test_a_loss_is_no_difference_and_has_no_tests_beside_it():
    loss = measure_json(replace(difference([0.5, 0.25, 0.75]), aggregate="plain", unit="nats"))
    assert (loss["method"], "tests" in loss) == ("t over documents (CR2, Satterthwaite)", False)
    assert loss["low"] < 0  # a share of these values would stay above


def test_lines_for_the_screen_say_tests_examples_methods_and_what_they_cover():
    measures = {"m_change": measure_json(difference([1.0, 1, 0, 0, 1, 0, -1, 0, 1, 1]))}
    measures |= {"m_f1_change": measures["m_change"], "m/x": measures["m_change"]}
    results = {"probes": {"qa": {"measures": measures, "flips": summary(flips(AFTER, BEFORE, ROWS))}}}
    lines = comparison_lines(results)
    assert lines[0].startswith(
        "m_change: sign-flip test by document p = 0.375 (4 documents differ); McNemar p = 0.219 (assumes"
    )
    assert "gained c?  'w' -> 'x'" in lines
    assert lines[-1] == "qa: 1 answers gained, 1 lost; all in predictions/qa.flips.jsonl"
    (how,) = interval_lines(results)
    assert how.startswith("95 % interval of m_change: paired t over documents")
    assert how.endswith("for other documents like these 5 (10 questions, clustered by document)")


def test_a_measure_of_two_probes_is_named_with_its_probe():
    measures = {"m_change": measure_json(difference([1.0, 1, 0, 0]))}
    results = {"probes": {"qa": {"measures": measures}, "wiki2023": {"measures": measures}}}
    assert [line.split(":")[0] for line in comparison_lines(results)] == ["qa m_change", "wiki2023 m_change"]
    assert interval_lines(results)[0].startswith("95 % interval of qa m_change, wiki2023 m_change: paired t")
