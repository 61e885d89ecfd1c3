"""What training is told of a model's knowledge: which questions are asked, after which examples, and what counts as right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from kinj.config.schema import AskingSettings, ModelSettings, Settings, TrainSettings
from kinj.data.records import Question
from kinj.eval import asker as module
from kinj.eval.asker import QuestionAsker
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request, Response

QUESTIONS = [
    Question(id=f"q{i}", document=f"d{i // 2}", prompt=f"What is {i}?", answers=[f"The value {i}."]) for i in range(12)
]


def settings(**asking: Any) -> Settings:
    return Settings(train=TrainSettings(asking=AskingSettings(**asking)))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """All requests; question 0 is always right, 1 after one kind of example, 2 in some samples, the others never."""
    seen: list[Request] = []

    def answer(_: LanguageModel, requests: Sequence[Request], batch_tokens: int) -> list[Response]:
        seen.extend(requests)
        return [Response(request=request, text=reply(request)) for request in requests]

    def reply(request: Request) -> str:
        number = int(request.prompt.split()[-1][:-1])
        after_even = int(request.shots[0][0].split()[-1][:-1]) % 2 == 0
        lucky = request.temperature > 0 and request.seed % 3 == 0
        right = number == 0 or (number == 1 and after_even) or (number == 2 and lucky)
        return f"the VALUE {number}\nand more" if right else "no"

    monkeypatch.setattr(module, "answer", answer)
    return seen


def test_greedy_after_different_examples_and_samples_only_where_never_right(
    asked: list[Request], language_model: LanguageModel
) -> None:
    found = QuestionAsker(settings(prompts=4, shots=2, samples=6))(language_model, QUESTIONS)
    assert found[0] == (4, 0)
    assert 0 < found[1][0] < 4
    assert found[2][0] == 0
    assert 0 < found[2][1] < 6
    assert found[3:] == [(0, 0)] * 9
    greedy = Counter(request.prompt for request in asked if request.temperature == 0)
    drawn = Counter(request.prompt for request in asked if request.temperature > 0)
    assert greedy == {question.prompt: 4 for question in QUESTIONS}
    assert drawn == {question.prompt: 6 for question in QUESTIONS[2:]}
    assert (
        len({request.seed for request in asked if request.prompt == QUESTIONS[5].prompt and request.temperature}) == 6
    )
    again = QuestionAsker(settings(prompts=4, shots=2, samples=6))(language_model, QUESTIONS)
    assert again == found


def test_examples_are_about_other_documents_and_fit(asked: list[Request], language_model: LanguageModel) -> None:
    QuestionAsker(settings(prompts=3, shots=3, samples=0))(language_model, QUESTIONS)
    document = {question.prompt: question.document for question in QUESTIONS}
    for request in asked:
        assert document[request.prompt] not in [document[prompt] for prompt, _ in request.shots]
        length = len(language_model.codec.prompt(request.prompt, shots=request.shots))
        assert length + request.max_new_tokens <= language_model.codec.max_length
    assert len({request.shots for request in asked if request.prompt == QUESTIONS[0].prompt}) == 3


def test_examples_come_in_the_format_of_questions(language_model: LanguageModel) -> None:
    codec = language_model.codec
    shots = [("What is 1?", "one")]
    whole = "Question: What is 1?\nAnswer: one\n\nQuestion: What is 2?\nAnswer:"
    assert codec.prompt("What is 2?", shots=shots) == codec.bos + codec.encode([whole])[0]
    turns = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    language_model.tokenizer.chat_template = turns + "{% if add_generation_prompt %}<assistant>{% endif %}"
    try:
        chat = Codec(language_model.tokenizer, ModelSettings(), 128)
        text = chat.decode(chat.prompt("What is 2?", shots=shots))
    finally:
        language_model.tokenizer.chat_template = None
    assert text == "<user>What is 1?<assistant>one<user>What is 2?<assistant>"
