"""Asks a model, for training, which questions it answers right: greedily after different examples, and by sampling."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.config.schema import Settings
from kinj.data.records import Question
from kinj.data.rng import stable_rng, stable_seed
from kinj.eval.asking import DRAFTS
from kinj.eval.scorers import exact_match, final_answer
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request


class QuestionAsker:
    """Asks as `train.asking` and `eval` say.

    Each of the `prompts` askings of a question comes after `shots` other questions with their answers, drawn from those about
    other documents. Samples are drawn only where no greedy answer was right, since nothing depends on them elsewhere.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.asking = settings.train.asking

    def __call__(self, language_model: LanguageModel, questions: Sequence[Question]) -> list[tuple[int, int]]:
        """For each question: how many greedy answers and how many samples are an exact match."""
        asked = [[self._shots(language_model, q, questions, i) for i in range(self.asking.prompts)] for q in questions]
        greedy = self._right(
            language_model,
            [
                (number, self._request(question, shots))
                for number, question in enumerate(questions)
                for shots in asked[number]
            ],
            questions,
        )
        drawn = [
            (number, self._request(question, asked[number][i % self.asking.prompts], i))
            for number, question in enumerate(questions)
            for i in range(self.asking.samples if greedy[number] == 0 else 0)
        ]
        return list(zip(greedy, self._right(language_model, drawn, questions), strict=True))

    def _right(
        self, language_model: LanguageModel, requests: list[tuple[int, Request]], questions: Sequence[Question]
    ) -> list[int]:
        """How many of the requests of each question were answered right."""
        counts = [0] * len(questions)
        found = answer(language_model, [request for _, request in requests], self.settings.eval.batch_tokens)
        for (number, _), response in zip(requests, found, strict=True):
            text = final_answer(response.text or "")
            counts[number] += int(exact_match(text, questions[number].answers, self.settings.eval.normalizer))
        return counts

    def _request(self, question: Question, shots: tuple[tuple[str, str], ...], sample: int | None = None) -> Request:
        drawn = sample is not None
        return Request(
            kind="generate",
            prompt=question.prompt,
            shots=shots,
            max_new_tokens=self.settings.eval.max_new_tokens,
            drafts=() if drawn else tuple(question.answers[:DRAFTS]),
            temperature=self.asking.temperature if drawn else 0.0,
            seed=stable_seed(self.settings.seed, question.id, sample) % 2**63 if drawn else 0,
        )

    def _shots(
        self, language_model: LanguageModel, question: Question, questions: Sequence[Question], number: int
    ) -> tuple[tuple[str, str], ...]:
        """Examples for one asking, as many as the context has room for."""
        rng = stable_rng(self.settings.seed, "shots", question.id, number)
        found: list[tuple[str, str]] = []
        for other in rng.sample(questions, min(len(questions), 4 * self.asking.shots)):
            if len(found) < self.asking.shots and _unrelated(other, question):
                found.append((other.prompt, other.answers[0]))
        room = language_model.codec.max_length - self.settings.eval.max_new_tokens
        while found and len(language_model.codec.prompt(question.prompt, shots=found)) > room:
            found.pop()
        return tuple(found)


def _unrelated(other: Question, question: Question) -> bool:
    return other.origin != question.origin and (other.document is None or other.document != question.document)
