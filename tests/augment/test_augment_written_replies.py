"""What is made of a reply, and where it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.augment.written.kept import KeptReplies, Reply, default_path, key_of
from kinj.augment.written.replies import Unusable, from_json, plain, strings, whole
from kinj.augment.written.views import located, view_of
from kinj.config.errors import UsageError
from kinj.data.records import Document, Fact

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("  A text.\n", "A text."),
        ("<think>I'm sorry\n{</think>\n\nA text.", "A text."),
        ("A <think> in a text", "A <think> in a text"),
        ("Sorry seems to be the hardest word, sang " + "somebody " * 60, None),
        ("I cannotate. I am.", None),
    ],
)
def test_plain(text: str, found: str | None) -> None:
    assert plain(text) == (text.strip() if found is None else found)


@pytest.mark.parametrize("text", ["", " \n", "<think>x</think> "])
def test_empty(text: str) -> None:
    with pytest.raises(Unusable, match="is empty"):
        plain(text)


@pytest.mark.parametrize(
    "text", ["I'm sorry, but I can't help.", "I’m sorry.", "As an AI, no", "i cannot do that", "I am unable to help"]
)
def test_refusals(text: str) -> None:
    with pytest.raises(Unusable, match="is a refusal"):
        plain(text)


@given(value=st.lists(VALUES, max_size=5) | st.dictionaries(st.text(), VALUES, max_size=5))
def test_json_is_found_wherever_it_stands(value: Any) -> None:
    text = json.dumps(value)
    for reply in (text, f"```json\n{text}\n```", f"Here you are: {text} Anything else?", f"<think>[1</think>{text}"):
        assert from_json(reply) == value


@pytest.mark.parametrize("text", ["no JSON", '["a", "b', '{"entities": ["a"', "[1,]", "[" * 100_000])
def test_broken_json(text: str) -> None:
    with pytest.raises(Unusable, match="JSON"):
        from_json(text)


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    assert whole("a\ud83d\ude00 \ud800 ż") == "a😀 \ufffd ż"
    assert from_json('["\\ud83d\\ude00 \\ud800"]') == ["😀 \ufffd"]


def test_strings() -> None:
    assert strings([" a ", "b", "a", ""], "words") == ["a", "b"]
    for value in ({"a": 1}, ["a", 1], "a", None):
        with pytest.raises(Unusable, match="is not a list of words"):
            strings(value, "words")
    with pytest.raises(Unusable, match="holds no words"):
        strings(["", " "], "words")


def fact(value: str) -> Fact:
    return Fact(subject="s", relation="r", value=value, start=0, end=len(value))


@given(before=st.text(), value=st.text(min_size=1), after=st.text())
def test_facts_are_located_where_they_stand_as_words(before: str, value: str, after: str) -> None:
    text = f"{before} {value} {after}"
    (found,) = located([fact(value)], text)
    assert text[found.start : found.end] == value
    assert found.start <= len(before) + 1


@pytest.mark.parametrize(
    ("value", "text"), [("12", "in 1912"), ("York", "Yorkshire"), ("Łódź", "Lodz"), ("a.b", "axb")]
)
def test_facts_that_are_not_there(value: str, text: str) -> None:
    assert list(located([fact(value)], text)) == []


def test_a_view_knows_where_it_comes_from() -> None:
    original = Document(id="a#f.1", text="x", title="T", source="a", facts=[fact("1912")], meta={"year": 1})
    view = view_of(original, "qa/x", 2, 7, "It was 1912.")
    assert (view.id, view.source, view.title, view.meta) == ("a#f.1#qa.2", "a", "T", {"year": 1})
    assert view.view is not None
    assert (view.view.method, view.view.index, view.view.seed) == ("qa/x", 2, 7)
    assert [(f.start, f.end) for f in view.facts] == [(7, 11)]
    view.meta["more"] = 1
    assert original.meta == {"year": 1}


KEYS = [key_of({"n": number}) for number in range(20)]


def kept(path: Path) -> KeptReplies:
    return KeptReplies(path)


def test_replies_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "views.requests.jsonl"
    first = kept(path)
    replies = [Reply(f"Łódź {n}\n😀", tokens_in=n, tokens_out=2 * n) for n in range(10)]
    for key, reply in zip(KEYS, replies, strict=False):
        assert key not in first
        first.put(key, reply)
        assert first.get(key) == reply
    first.put(KEYS[10], Reply(problem="is cut off", final=True))
    first.close()
    again = kept(path)
    assert [again.get(key) for key in KEYS] == [*replies, Reply(problem="is cut off", final=True), *[None] * 9]
    assert (len(again), again.tokens_in, again.tokens_out) == (11, 45, 90)
    again.close()


@given(cut=st.integers(min_value=0))
def test_a_torn_line_is_forgotten(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("torn") / "kept.jsonl"
    first = kept(path)
    for key in KEYS[:3]:
        first.put(key, Reply("text"))
    first.close()
    content = path.read_bytes()
    cut %= len(content) + 1
    path.write_bytes(content[:cut])
    again = kept(path)
    assert len(again) == content[:cut].count(b"\n")
    again.put(KEYS[5], Reply("more"))
    again.close()
    last = kept(path)
    assert len(last) == content[:cut].count(b"\n") + 1
    assert last.get(KEYS[5]) == Reply("more")
    last.close()


@pytest.mark.parametrize("content", ['{"id": "a", "text": "b"}\n', "precious", '{"key": "zz"}\n', "[]\n"])
def test_other_files_are_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(content)
    for _ in range(2):  # the file is not kept locked
        with pytest.raises(UsageError, match="line 1 is not a kept reply") as caught:
            kept(path)
        assert "augment.llm.cache=FILE" in caught.value.hint
    assert path.read_text() == content


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    first = kept(tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match="another run is using"):
        kept(tmp_path / "a.jsonl")
    first.close()
    kept(tmp_path / "a.jsonl").close()
    with pytest.raises(UsageError, match="cannot be written"):
        kept(tmp_path)


def test_without_a_file_replies_are_kept_in_memory() -> None:
    memory = KeptReplies(None)
    memory.put(KEYS[0], Reply("a", tokens_in=3))
    assert (memory.get(KEYS[0]), memory.get(KEYS[1]), len(memory), memory.tokens_in) == (
        Reply("a", tokens_in=3),
        None,
        1,
        3,
    )
    memory.close()


def test_names() -> None:
    assert default_path(Path("a/corpus.views.jsonl.gz")) == Path("a/corpus.views.requests.jsonl")


def test_keys_follow_from_the_whole_request() -> None:
    request = {"url": "u", "model": "m", "messages": [{"role": "user", "content": "x"}], "seed": 1}
    assert key_of(dict(reversed(request.items()))) == key_of(request)
    for name in request:
        assert key_of(request | {name: None}) != key_of(request)
