"""Multiple-choice questions in the forms of MMLU and ARC."""

from __future__ import annotations

from kinj.data.forms import Json, RecordError
from kinj.data.pools import rest_of
from kinj.data.records import Question

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HINT = 'a line looks like {"question": "Which gas do plants take in?", "choices": {"A": "neon", "B": "CO2"}, "answer": "B"}'
KEYS = (("question", "prompt"), ("answer", "answerKey", "answers"))
"""Keys of the question and of the answer."""


def choice_question(form: Json, file: str, number: int) -> Question:
    """A question with its choices; `meta` has the `labels` of the choices and the `label` of the right one.

    Choices are `{"A": text, …}`, or `{"label": […], "text": […]}` (ARC on the Hub), or a list, lettered in its order (MMLU on the
    Hub). The answer is a label; of a list it may be the position, counted from 0 (MMLU), or the text. The id begins with the file's
    name, which is the `kind`.

    Args:
        form: an object of the file.
        file: its name.
        number: of the object in the file, from 0: its id where it has none.

    Raises:
        RecordError: it is no such question.
    """
    asked, answer = (next((form[key] for key in keys if key in form), None) for keys in KEYS)
    if not isinstance(asked, str) or not asked.strip():
        raise RecordError(f"has no question (`question`); it has: {', '.join(form) or 'nothing'}", HINT)
    labels, texts = _choices(form.get("choices"))
    right = _right(answer[0] if isinstance(answer, list) and len(answer) == 1 else answer, labels, texts)
    meta = rest_of(form, "id", "choices", *(key for keys in KEYS for key in keys))
    return Question(
        id=f"{file}.{form.get('id', number)}",
        document=None,
        prompt=asked,
        answers=[texts[right]],
        kind=file,
        choices=texts,
        meta=meta | {"labels": labels, "label": labels[right]},
    )


def _choices(given: object) -> tuple[list[str], list[str]]:
    """Labels and texts of the choices."""
    if isinstance(given, dict) and isinstance(given.get("label"), list) and isinstance(given.get("text"), list):
        labels, texts = given["label"], given["text"]
    elif isinstance(given, dict):
        labels, texts = list(given), list(given.values())
    elif isinstance(given, list):
        labels, texts = list(LETTERS[: len(given)]), given
    else:
        raise RecordError("has no `choices`", HINT)
    texts = [str(text) if isinstance(text, int | float) else text for text in texts]
    if len(texts) < 2 or len(set(labels)) != len(texts):
        raise RecordError(f"has {len(texts)} choices with {len(set(labels))} labels; there must be two or more", HINT)
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise RecordError("has a choice that is empty, or no text", HINT)
    return [str(label) for label in labels], texts


def _right(answer: object, labels: list[str], texts: list[str]) -> int:
    """The position of the right choice."""
    said = str(answer).strip()
    if said in labels:
        return labels.index(said)
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(texts):
        return answer
    if texts.count(said) == 1:
        return texts.index(said)
    raise RecordError(f"has an answer that is none of its choices ({', '.join(labels)}): {said[:60]!r}", HINT)
