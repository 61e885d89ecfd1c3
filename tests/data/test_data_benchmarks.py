"""The adapters on small files in the original schemas."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.benchmarks.text import pieces
from kinj.data.benchmarks.wikidyk import as_statement, read_official, write_official
from kinj.data.forms import RecordError
from kinj.data.records import Document, Question
from kinj.data.rejects import BadRecord


def put(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def opened(name: str, path: Path, **settings: Any) -> DataSet:
    return open_data(DataSettings(name=name, path=str(path), **settings))


def documents(data: DataSet, pool: str = "documents") -> list[Document]:
    records = data.pool(pool)
    assert len({record.id for record in records}) == len(records)
    return [record for record in records if isinstance(record, Document)]


def questions(data: DataSet, pool: str = "questions") -> list[Question]:
    records = data.pool(pool)
    assert len({record.id for record in records}) == len(records)
    return [record for record in records if isinstance(record, Question)]


class TestWiki2023:
    article: ClassVar[dict[str, Any]] = {"wiki_id": 7, "title": "Film (2023)", "text": "Film is a film."}
    pair: ClassVar[dict[str, Any]] = {"wiki_id": 7, "question": "What is Film?", "answer": "a film"}

    @pytest.mark.parametrize(
        "names",
        [("film_{}_doc.jsonl", "film_{}_qa.jsonl.gz"), ("wiki2023_film_{}/doc.jsonl", "wiki2023_film_{}/qa.jsonl")],
    )
    def test_both_layouts(self, tmp_path: Path, names: tuple[str, str]) -> None:
        for split in ("test", "train"):
            put(tmp_path / names[0].format(split), self.article)
            put(tmp_path / names[1].format(split), self.pair, self.pair)
        data = opened("wiki2023", tmp_path)
        assert documents(data) == [Document(id="7", text="Film is a film.", title="Film (2023)")]
        assert [(q.id, q.document, q.prompt, q.answers) for q in questions(data, "train_questions")] == [
            ("7.1", "7", "What is Film?", ["a film"]),
            ("7.2", "7", "What is Film?", ["a film"]),
        ]

    def test_orphans_and_limit_are_counted(self, tmp_path: Path) -> None:
        put(tmp_path / "x_test_doc.jsonl", self.article, {**self.article, "wiki_id": 8})
        put(tmp_path / "x_test_qa.jsonl", self.pair, {**self.pair, "wiki_id": 8}, {**self.pair, "wiki_id": 9})
        data = opened("wiki2023", tmp_path, limit=1)
        assert [q.document for q in questions(data)] == ["7"]
        assert "train_documents" not in data.pools
        assert "1 used; left out: 1 about no document here, 1 beyond data.limit" in str(data.accounts[0])

    def test_bad_row_and_missing_file(self, tmp_path: Path) -> None:
        put(tmp_path / "x_test_doc.jsonl", {"text": "a"})
        with pytest.raises(UsageError, match=r"holds no \*_test_qa\.jsonl"):
            opened("wiki2023", tmp_path)
        put(tmp_path / "x_test_qa.jsonl", self.pair)
        with pytest.raises(BadRecord, match="line 1 has no `wiki_id`; it has: text"):
            documents(opened("wiki2023", tmp_path))


class TestWikiDYK:
    case: ClassVar[dict[str, Any]] = {
        "case_id": "c1",
        "date": "3 May 2023",
        "month": "May",
        "year": "2023",
        "fact": "that Tim Tam is a biscuit?",
        "bold_entity_page": {"title": "Tim Tam", "content": "..."},
        "eval": {
            "reliability": {"prompt": "Which biscuit?", "answer": "Tim Tam"},
            "portability": {"prompt": "Who makes it?", "answer": ["Arnott's", "Arnotts"]},
            "counterfactual": {"prompt": "Is it a car?", "answer": "No"},
            "factual": {"prompt": "Is it a biscuit?", "answer": "Yes"},
            "locality": None,
            "generality": {"prompt": "What is it?", "answer": ""},
        },
    }

    def test_official_form(self, tmp_path: Path) -> None:
        (tmp_path / "wikidyk.json").write_text(json.dumps([self.case]))
        data = opened("wikidyk", tmp_path / "wikidyk.json")
        (document,) = documents(data)
        assert (document.id, document.text) == ("c1", "Tim Tam is a biscuit")
        assert document.meta["bold_entity_page"] == self.case["bold_entity_page"]
        asked = {question.kind: question for question in questions(data)}
        assert list(asked) == ["reliability", "portability", "counterfactual", "factual"]
        assert asked["portability"].answers == ["Arnott's", "Arnotts"]
        assert asked["factual"].id == "c1.factual"
        assert asked["factual"].meta == {"year": "2023", "month": "May", "date": "3 May 2023"}
        assert data.accounts[1].left_out == {"without prompt or answer (generality)": 1}
        assert sorted(data.pools) == ["documents", "questions"]

    def test_training_form(self, tmp_path: Path) -> None:
        more = {
            "paraphrases": [{"paraphrased_fact": "It is a biscuit."}],
            "reordered_facts": [{"reordered_fact": "A biscuit it is."}, {}],
            "generated_qas": [{"question": "What?", "answer": ["a biscuit"]}, {"question": "", "answer": "x"}],
        }
        (tmp_path / "wikidyk.json").write_text(json.dumps([{**self.case, **more}, {**self.case, "case_id": "c2"}]))
        data = opened("wikidyk", tmp_path)
        views = documents(data, "views")
        assert [view.text for view in views] == ["Tim Tam is a biscuit", "It is a biscuit.", "A biscuit it is."]
        assert [(view.origin, view.view and view.view.method) for view in views] == [
            ("c1", None),
            ("c1", "paraphrase"),
            ("c1", "reordered"),
        ]
        assert [question.prompt for question in questions(data, "train_questions")] == ["What?"]
        assert [account.left_out.total() for account in data.accounts] == [1, 1]

    def test_subset_form_keeps_dev_apart(self, tmp_path: Path) -> None:
        row = {
            "id": 5,
            "input": "Which biscuit?",
            "output": "Tim Tam",
            "year": "2023",
            "fact": "that, oddly, it floats?",
        }
        put(tmp_path / "wikidyk_test.jsonl", row)
        put(tmp_path / "wikidyk_dev.jsonl.gz", {**row, "id": 6})
        data = opened("wikidyk", tmp_path)
        assert documents(data) == [
            Document(id="5", text="oddly, it floats", meta={"year": "2023", "fact": row["fact"]})
        ]
        assert [(q.id, q.kind, q.document) for q in questions(data, "dev_questions")] == [
            ("6.reliability", "reliability", "6")
        ]
        (tmp_path / "wikidyk_test.jsonl").unlink()
        assert [document.id for document in documents(opened("wikidyk", tmp_path))] == ["6"]

    def test_the_same_case_twice(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text(json.dumps([self.case, self.case]))
        with pytest.raises(BadRecord, match="record 2 has the id `c1` of record 1"):
            documents(opened("wikidyk", tmp_path))

    def test_another_version_is_told_by_what_was_expected_and_what_it_has(self, tmp_path: Path) -> None:
        path = put(tmp_path / "wikidyk.jsonl", {"id": 1, "query": "Who?", "output": "Ada", "fact": "that it is so?"})
        with pytest.raises(BadRecord, match="has no text under `input`; it has: id, query, output, fact"):
            questions(opened("wikidyk", path))

    @pytest.mark.parametrize(
        ("fact", "statement"),
        [
            ("that it floats?", "it floats"),
            ("... that it floats?", "it floats"),
            ("that, oddly, it floats?", "oddly, it floats"),
            ("thatched roofs burn?", "thatched roofs burn"),
            ('that she asked "why?"', 'she asked "why?"'),
            ("it floats", "it floats"),
        ],
    )
    def test_statement(self, fact: str, statement: str) -> None:
        assert as_statement(fact) == statement

    def test_official_file_round_trip(self, tmp_path: Path) -> None:
        path = tmp_path / "wikidyk.json"
        write_official(
            path,
            [self.case, {"case_id": 2, "fact": "that a?", "eval": {"reliability": {"prompt": "?", "answer": "a"}}}],
        )
        assert read_official(path)[0] == self.case
        assert [document.id for document in documents(opened("wikidyk", path))] == ["c1", "2"]
        for bad in (
            {"case_id": 3, "eval": {"a": {}}},
            {"case_id": 3, "fact": "that a?"},
            {"fact": "that?", "eval": {"a": {}}},
        ):
            with pytest.raises(RecordError):
                write_official(path, [bad])
        assert len(read_official(path)) == 2


class TestFictional:
    row: ClassVar[dict[str, Any]] = {
        "train_context": "Mars has a mayor.",
        **{f"{k}_{p}": ["x"] for k in ("mem", "gen", "hard_gen") for p in ("input", "target")},
    }

    def test_articles_questions_and_views(self, tmp_path: Path) -> None:
        put(
            tmp_path / "fictional_knowledge.json",
            self.row,
            {**self.row, "mem_input": ["a", "b"], "mem_target": ["c", "d"]},
        )
        put(
            tmp_path / "fictional_knowledge_paraphrased.jsonl.gz",
            {**self.row, "paraphrases": []},
            {**self.row, "paraphrases": ["p"]},
        )
        data = opened("fictional", tmp_path)
        assert [document.id for document in documents(data)] == ["fictional-000", "fictional-001"]
        assert [question.kind for question in questions(data)] == [
            "mem",
            "gen",
            "hard_gen",
            "mem",
            "mem",
            "gen",
            "hard_gen",
        ]
        assert {question.meta["form"] for question in questions(data)} == {"completion"}
        assert [(view.id, view.origin) for view in documents(data, "views")] == [
            ("fictional-001", "fictional-001"),
            ("fictional-001.1", "fictional-001"),
        ]
        assert data.accounts[-1].left_out == {"without paraphrases": 1}
        assert len(questions(opened("fictional", tmp_path, limit=1))) == 3

    def test_unequal_lists(self, tmp_path: Path) -> None:
        path = put(tmp_path / "fictional_knowledge.json", {**self.row, "gen_target": ["x", "y"]})
        with pytest.raises(BadRecord, match="has 1 `gen_input` and 2 `gen_target`"):
            questions(opened("fictional", path))


class TestTofu:
    perturbed: ClassVar[dict[str, Any]] = {
        "question": "Q?",
        "answer": "A.",
        "paraphrased_question": "P?",
        "paraphrased_answer": "B.",
        "perturbed_answer": ["C.", "D."],
    }

    def fill(self, folder: Path) -> Path:
        put(folder / "full.jsonl.gz", *({"question": "same?", "answer": str(n)} for n in range(41)))
        put(folder / "forget10_perturbed.jsonl", self.perturbed)
        put(folder / "forget01_perturbed.jsonl", self.perturbed)
        put(folder / "retain_perturbed.json", self.perturbed)
        options = {"option1": "X", "option2": "Y"}
        put(folder / "real_authors.jsonl", {"question": "R?", "answer": "Y", **options})
        put(folder / "world_facts.jsonl", {"question": "W?", "answer": "Z", **options})
        return folder

    def test_pools(self, tmp_path: Path) -> None:
        data = opened("tofu", self.fill(tmp_path))
        trained = questions(data, "train_questions")
        assert [trained[row].document for row in (0, 19, 20, 40)] == [
            f"tofu-author-{author:03d}" for author in (0, 0, 1, 2)
        ]
        asked = questions(data)
        assert [(q.id, q.document) for q in asked] == [
            ("tofu-0000.paraphrase", "tofu-author-000"),
            ("tofu-3600.paraphrase", "tofu-author-180"),
        ]
        assert (asked[0].prompt, asked[0].answers, asked[0].choices) == ("P?", ["B.", "A."], ["B.", "C.", "D."])
        (seen, forgotten) = questions(data, "seen_questions")
        assert (seen.meta["split"], forgotten.meta["split"]) == ("retain", "forget")
        assert (seen.prompt, seen.answers, seen.choices) == ("Q?", ["A.", "B."], ["A.", "C.", "D."])
        (real,) = questions(data, "real_authors")
        assert (real.answers, real.choices, real.document) == (["Y"], ["X", "Y"], None)
        with pytest.raises(BadRecord, match="the answer `Z`, which is none of its options"):
            questions(data, "world_facts")

    def test_limit_counts_authors(self, tmp_path: Path) -> None:
        data = opened("tofu", self.fill(tmp_path), limit=2)
        assert len(questions(data, "train_questions")) == 40
        assert len(questions(data, "real_authors")) == 1


class TestSquad:
    def test_seal(self, tmp_path: Path) -> None:
        row = {"title": "T", "context": "Bees fly.", "questions": [{"question": "Who?", "answer": "Bees"}] * 2}
        put(tmp_path / "squad_val.jsonl.gz", row, {**row, "context": "Cats sit."})
        put(tmp_path / "aug_rewrite.jsonl", {**row, "completions": ["Flying is what bees do."], "prompt": "..."})
        put(tmp_path / "judged_base.json", {"overall": {}})
        data = opened("squad", tmp_path)
        first, second = documents(data)
        assert (first.text, first.title, second.text) == ("Bees fly.", "T", "Cats sit.")
        assert [question.document for question in questions(data)] == [first.id, first.id, second.id, second.id]
        original, view = documents(data, "views_rewrite")
        assert (original.id, view.source, view.text) == (first.id, first.id, "Flying is what bees do.")
        assert len(questions(opened("squad", tmp_path, limit=1))) == 2

    def test_squad_json(self, tmp_path: Path) -> None:
        asked = [
            {
                "id": "a",
                "question": "Who?",
                "answers": [{"text": "Bees", "answer_start": 0}, {"text": "Bees", "answer_start": 0}],
            },
            {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
        ]
        paragraphs = [{"context": "Bees fly.", "qas": asked}, {"context": "Cats sit.", "qas": []}]
        (tmp_path / "dev-v2.0.json").write_text(
            json.dumps({"version": "2", "data": [{"title": "T", "paragraphs": paragraphs}]})
        )
        data = opened("squad", tmp_path / "dev-v2.0.json")
        assert [document.text for document in documents(data)] == ["Bees fly.", "Cats sit."]
        assert [(question.id, question.answers) for question in questions(data)] == [("a", ["Bees"])]
        assert data.accounts[1].left_out == {"without an answer in the passage": 1}

    def test_questions_without_an_answers_key(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jsonl", {"context": "c", "questions": [{"question": "q"}]})
        with pytest.raises(BadRecord, match="has a question without answers; it has: question"):
            questions(opened("squad", path))


class TestReversal:
    def fill(self, folder: Path) -> Path:
        def rows(file: str, *pairs: tuple[str, str]) -> None:
            put(folder / f"{file}.jsonl", *({"prompt": prompt, "completion": f" {end}"} for prompt, end in pairs))

        rows(
            "p2d_prompts_train",
            ("Ada Byron, known as", "the pilot."),
            ("Ada Byron was", "a pilot."),
            ("Bo Li is", "a cook."),
        )
        rows("p2d_prompts_test", ("They call Ada Byron", "the pilot."))
        rows("p2d_reverse_prompts_test", ("The pilot is", "Ada Byron"), ("The cook is", "Bo Li"))
        rows("p2d_reverse_prompts_test_randomized", ("The pilot is", "Bo Li"))
        rows("d2p_prompts_train", ("The diver is called", "Cy Fox."))
        rows("d2p_prompts_test", ("A diver:", "Cy Fox"))
        rows("d2p_reverse_prompts_test", ("Cy Fox is", "the diver."))
        rows("both_prompts_train", ("Di Roe is", "a nun."), ("The nun is", "Di Roe."))
        rows("both_prompts_test", ("Meet the nun", "Di Roe"))
        return folder

    def test_sentences_about_one_person_are_views(self, tmp_path: Path) -> None:
        data = opened("reversal", self.fill(tmp_path))
        read = documents(data)
        assert read[0].text == "Ada Byron, known as the pilot."
        origins = [document.origin for document in read]
        assert origins == ["p2d.ada-byron", "p2d.ada-byron", "p2d.bo-li", "d2p.cy-fox", "both.di-roe", "both.di-roe"]
        assert read[1].source == "p2d.ada-byron"

    def test_questions_know_group_order_and_person(self, tmp_path: Path) -> None:
        data = opened("reversal", self.fill(tmp_path))
        assert [(q.kind, q.document, q.answers[0]) for q in questions(data)] == [
            ("p2d_forward", "p2d.ada-byron", "the pilot."),
            ("p2d_reverse", "p2d.ada-byron", "Ada Byron"),
            ("p2d_reverse", "p2d.bo-li", "Bo Li"),
            ("d2p_forward", "d2p.cy-fox", "Cy Fox"),
            ("d2p_reverse", "d2p.cy-fox", "the diver."),
            ("both", "both.di-roe", "Di Roe"),
        ]
        (shuffled,) = questions(data, "shuffled")
        assert (shuffled.document, shuffled.answers) == ("p2d.ada-byron", ["Bo Li"])

    def test_a_missing_file(self, tmp_path: Path) -> None:
        (self.fill(tmp_path) / "d2p_prompts_test.jsonl").unlink()
        with pytest.raises(UsageError, match=r"holds no d2p_prompts_test\.jsonl"):
            opened("reversal", tmp_path)


class TestQuestionSets:
    def test_nq_open(self, tmp_path: Path) -> None:
        row = {"question": "who", "answer": ["a", "b", "a"]}
        put(tmp_path / "NQ-open.dev.jsonl", row, row)
        put(tmp_path / "NQ-open.efficientqa.test.1.1.jsonl", {**row, "def_correct_predictions": ["c"]})
        data = opened("nq_open", tmp_path)
        assert [(q.id, q.answers) for q in questions(data)] == [("nq-00000", ["a", "b"]), ("nq-00001", ["a", "b"])]
        (question,) = questions(data, "efficientqa_test")
        assert question.meta == {"def_correct_predictions": ["c"]}
        assert len(questions(opened("nq_open", tmp_path / "NQ-open.dev.jsonl", limit=1))) == 1

    def test_popqa_subset(self, tmp_path: Path) -> None:
        row = {"input": "q", "output": '["a", "b"]', "id": 1, "s_pop": 10, "o_pop": 20}
        put(tmp_path / "popqa_test.jsonl", row)
        put(tmp_path / "popqa_dev.jsonl", {**row, "id": 2})
        data = opened("popqa", tmp_path)
        (question,) = questions(data)
        assert (question.id, question.answers, question.meta) == ("popqa-1", ["a", "b"], {"s_pop": 10, "o_pop": 20})
        assert question.kind == "popularity_0-99"
        assert [question.id for question in questions(data, "dev_questions")] == ["popqa-2"]

    def test_popqa_table(self, tmp_path: Path) -> None:
        path = tmp_path / "popQA.tsv"
        path.write_text('id\tprop\ts_pop\tquestion\tpossible_answers\n7\tcapital\t12\tWhich?\t"[""a""]"\n')
        (question,) = questions(opened("popqa", path))
        assert (question.id, question.answers, question.meta) == ("popqa-7", ["a"], {"prop": "capital", "s_pop": 12})

    @pytest.mark.parametrize(
        ("popularity", "kind"),
        [
            (0, "0-99"),
            (99, "0-99"),
            (100, "100-999"),
            ("1000", "1000-9999"),
            (123456, "100000-999999"),
            (None, "unknown"),
        ],
    )
    def test_popqa_by_popularity(self, tmp_path: Path, popularity: object, kind: str) -> None:
        path = put(tmp_path / "a.jsonl", {"input": "q", "output": '["a"]', "id": 1, "s_pop": popularity})
        assert questions(opened("popqa", path))[0].kind == f"popularity_{kind}"

    def test_popqa_answers_that_are_no_list(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jsonl", {"input": "q", "output": "plain", "id": 1})
        with pytest.raises(BadRecord, match="has under `output` no list in JSON: plain"):
            questions(opened("popqa", path))
        path = put(tmp_path / "a.jsonl", {"input": "q", "output": '[""]', "id": 1})
        with pytest.raises(BadRecord, match="has no texts under `output`, or an empty one"):
            questions(opened("popqa", path))
        path = put(tmp_path / "a.jsonl", {"question": "q", "output": '["a"]', "id": 1})
        with pytest.raises(
            BadRecord, match="has no texts under `possible_answers`, or an empty one; it has: question, output"
        ):
            questions(opened("popqa", path))


class TestText:
    def test_pieces(self) -> None:
        articles = " \n = One = \n \n text \n\n = = Part = = \n more \n = Two = \n end \n"
        assert [title for title, _ in pieces(articles)] == ["One", "Two"]
        assert [text for _, text in pieces(articles)][1] == " = Two = \n end "
        assert next(pieces("before\n = One = \nx")) == (None, "before")
        assert list(pieces("a\nb\n\n\n c\n \n")) == [(None, "a\nb"), (None, " c")]

    def test_folder(self, tmp_path: Path) -> None:
        (tmp_path / "SOURCE.md").write_text("about")
        (tmp_path / "a.txt").write_text("one\n\ntwo\n")
        for name in ("x", "y"):
            put(tmp_path / f"{name}.jsonl.gz", {"id": "same", "text": name}, {"text": "more"})
        data = opened("text", tmp_path)
        assert [document.id for document in documents(data)] == ["a.0", "a.1", "x.same", "x.1", "y.same", "y.1"]
        assert documents(data, "x") == documents(data)[2:4]
        assert data.accounts[0].left_out == {"files that describe the others": 1}
        assert documents(opened("text", tmp_path / "x.jsonl.gz"))[0].id == "same"

    def test_only_descriptions(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("about")
        with pytest.raises(UsageError, match=r"holds no text, only README\.md"):
            opened("text", tmp_path)


def test_a_file_that_lies_there_twice_is_read_once(tmp_path: Path) -> None:
    put(tmp_path / "NQ-open.dev.jsonl", {"question": "plain", "answer": "a"})
    put(tmp_path / "NQ-open.dev.jsonl.gz", {"question": "packed", "answer": "a"})
    assert [question.prompt for question in questions(opened("nq_open", tmp_path))] == ["plain"]


class TestMquake:
    edit: ClassVar[dict[str, Any]] = {
        "prompt": "{} was performed by",
        "relation_id": "P175",
        "target_new": {"str": "Madonna"},
        "subject": "Hey Jude",
    }
    case: ClassVar[dict[str, Any]] = {
        "case_id": 7,
        "requested_rewrite": [edit],
        "questions": ["Where is its singer from?", "Of which land is its singer?"],
        "new_answer": "Italy",
        "new_answer_alias": ["IT"],
        "new_single_hops": [{"question": "Who sang it?", "answer": "Madonna", "answer_alias": ["Madonna", "M."]}],
    }

    def test_edits_are_sentences_and_chains_have_steps(self, tmp_path: Path) -> None:
        data = opened("mquake", put(tmp_path / "MQuAKE-CF.jsonl.gz", self.case))
        (document,) = documents(data)
        (fact,) = document.facts
        assert document.text == "Hey Jude was performed by Madonna."
        assert (document.text[fact.start : fact.end], fact.relation, fact.subject) == ("Madonna", "P175", "Hey Jude")
        assert [(q.id, q.kind, q.answers, q.meta["case"]) for q in questions(data)] == [
            ("mquake-7.chain0", "chain", ["Italy", "IT"], "mquake-7"),
            ("mquake-7.chain1", "chain", ["Italy", "IT"], "mquake-7"),
            ("mquake-7.hop0", "hop", ["Madonna", "M."], "mquake-7"),
        ]

    def test_a_value_with_a_full_stop_gets_no_second_one(self, tmp_path: Path) -> None:
        edit = {**self.edit, "target_new": {"str": "Apple Inc."}}
        (document,) = documents(opened("mquake", put(tmp_path / "a.jsonl", {**self.case, "requested_rewrite": [edit]})))
        assert document.text == "Hey Jude was performed by Apple Inc."

    def test_an_edit_of_two_cases_is_read_once_and_limit_counts_cases(self, tmp_path: Path) -> None:
        path = put(tmp_path / "cases.jsonl", self.case, {**self.case, "case_id": 8}, {**self.case, "case_id": 9})
        data = opened("mquake", path, limit=2)
        assert len(documents(data)) == 1
        assert "2 edits that another case has too" in str(data.accounts[0])
        assert {question.meta["case"] for question in questions(data)} == {"mquake-7", "mquake-8"}

    def test_rows_of_another_form_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadRecord, match="no list of objects under `new_single_hops`"):
            questions(opened("mquake", put(tmp_path / "a.jsonl", {**self.case, "new_single_hops": []})))
        bad = {**self.case, "requested_rewrite": [{**self.edit, "target_new": "M"}]}
        with pytest.raises(BadRecord, match="no object under `target_new`"):
            documents(opened("mquake", put(tmp_path / "b.jsonl", bad)))
