"""The JSON forms of the records: one object each. docs/data.md describes them."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from kinj.config.schema import FieldSettings
from kinj.data.records import Document, Fact, Question, Record, View, content_id

Json = dict[str, Any]
_FACT_KEYS = ("subject", "relation", "value", "start", "end")
_KEYS_OF_FACT, _of_fact = frozenset(_FACT_KEYS), itemgetter(*_FACT_KEYS)


class RecordError(ValueError):
    """Why an object is not a record, in words that follow `FILE line N`; `hint` says what to do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def record_to_json(record: Record) -> Json:
    """The JSON form; keys that hold nothing are left out."""
    if isinstance(record, Document):
        return _document_to_json(record)
    form: Json = {"id": record.id}
    if record.document is not None:
        form["document"] = record.document
    form |= {"prompt": record.prompt, "answers": record.answers, "kind": record.kind}
    if record.choices is not None:
        form["choices"] = record.choices
    return form | _view_to_json(record) | ({"meta": record.meta} if record.meta else {})


def _document_to_json(document: Document) -> Json:
    form: Json = {"id": document.id, "text": document.text}
    if document.title is not None:
        form["title"] = document.title
    if document.facts:
        form["facts"] = [dict(vars(fact)) for fact in document.facts]
    return form | _view_to_json(document) | ({"meta": document.meta} if document.meta else {})


def _view_to_json(record: Record) -> Json:
    form: Json = {} if record.source is None else {"source": record.source}
    if record.view is not None or record.source is not None:
        form["view"] = dict(vars(record.view)) if record.view else None
    return form


def record_from_json(form: Json, fields: FieldSettings | None = None) -> Record:
    """A question where the object has a prompt and answers, a document otherwise.

    Raises:
        RecordError: it is neither.
    """
    fields = fields or FieldSettings()
    if is_question(form, fields):
        return question_from_json(form, fields)
    if fields.text not in form:
        wanted = f"neither `{fields.text}` (a document) nor `{fields.prompt}` and `{fields.answers}` (a question)"
        raise RecordError(f"has {wanted}; it has: {_keys(form)}", _kind_hint(form))
    return document_from_json(form, fields)


def is_question(form: Json, fields: FieldSettings) -> bool:
    """Whether an object that is a record is a question: it has a prompt and answers, or at least no text."""
    return fields.prompt in form and (fields.answers in form or fields.text not in form)


def content_of(record: Record) -> str:
    """What a record's id is made from where it has none: all that two records must share to be the same."""
    if isinstance(record, Document):
        return record.text
    return "\n".join([record.document or "", record.prompt, *record.answers])


def document_from_json(form: Json, fields: FieldSettings | None = None) -> Document:
    """A document; keys without a meaning here go to `meta`.

    Raises:
        RecordError: a field is missing or not of its type.
    """
    fields = fields or FieldSettings()
    rest = dict(form)
    text = _take_text(rest, "text", fields.text, form)
    identity = _take_id(rest, fields.id)
    title = _take_optional(rest, fields.title)
    facts = _take_facts(rest, len(text))
    source, view = _take_source_and_view(rest)
    return Document(
        id=identity or content_id(text),
        text=text,
        title=title,
        facts=facts,
        source=source,
        view=view,
        meta=_take_meta(rest),
    )


def question_from_json(form: Json, fields: FieldSettings | None = None) -> Question:
    """A question; `answers` may be one text or a list. Keys without a meaning here go to `meta`.

    Raises:
        RecordError: a field is missing or not of its type, or there is no answer.
    """
    fields = fields or FieldSettings()
    rest = dict(form)
    prompt = _take_text(rest, "prompt", fields.prompt, form)
    answers = _take_answers(rest, fields.answers, form)
    identity = _take_id(rest, fields.id)
    document = _take_id(rest, fields.document)
    kind = _take_optional(rest, "kind") or "recall"
    choices = rest.pop("choices") if _texts(rest.get("choices")) else None
    source, view = _take_source_and_view(rest)
    question = Question(
        id=identity or "",
        document=document,
        prompt=prompt,
        answers=answers,
        kind=kind,
        choices=choices,
        source=source,
        view=view,
        meta=_take_meta(rest),
    )
    question.id = question.id or content_id(content_of(question))
    return question


def _take_text(rest: Json, name: str, key: str, form: Json) -> str:
    if rest.get(key) is None:
        raise RecordError(f"has no field `{key}`; it has: {_keys(form)}", _mapping_hint(name, form))
    value = rest.pop(key)
    if not isinstance(value, str):
        raise RecordError(
            f"has a field `{key}` that is {_kind(value)}, not text; it has: {_keys(form)}", _mapping_hint(name, form)
        )
    if not value.strip():
        raise RecordError(f"has an empty field `{key}`")
    return value


def _take_answers(rest: Json, key: str, form: Json) -> list[str]:
    if key not in rest:
        raise RecordError(f"has no field `{key}`; it has: {_keys(form)}", _mapping_hint("answers", form))
    value = rest.pop(key)
    answers = value if isinstance(value, list) else [] if value is None else [value]
    if not answers:
        raise RecordError(f"is a question without answers (`{key}` is empty)")
    if not all(isinstance(answer, str | int | float) and not isinstance(answer, bool) for answer in answers):
        raise RecordError(f"has a field `{key}` that is not a text or a list of texts", _mapping_hint("answers", form))
    texts = [answer if isinstance(answer, str) else str(answer) for answer in answers]
    if not all(text.strip() for text in texts):
        raise RecordError(f"is a question with an empty answer in `{key}`: every reply would contain it")
    return texts


def _take_id(rest: Json, key: str) -> str | None:
    value = rest.pop(key, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise RecordError(f"has a field `{key}` that is {_kind(value)}, not a text or a whole number")
    return str(value)


def _take_optional(rest: Json, key: str) -> str | None:
    """A text or nothing; what is of another type stays where it is, and so goes to `meta`."""
    if rest.get(key) is None:
        rest.pop(key, None)
        return None
    return rest.pop(key) if isinstance(rest[key], str) else None


def _take_source_and_view(rest: Json) -> tuple[str | None, View | None]:
    """What the record is a view of, and how it was made.

    `source` means the id of an original only beside a `view` (null if need be); elsewhere people keep web addresses in it,
    and a thousand pages of one site must not count as views of one document.
    """
    beside_view = "view" in rest
    view = _take_view(rest)
    return _take_optional(rest, "source") if beside_view and "view" not in rest else None, view


def _take_view(rest: Json) -> View | None:
    value = rest.get("view")
    if value is None:
        rest.pop("view", None)
    types = {"method": str, "index": int, "seed": int}
    if isinstance(value, dict) and value.keys() == types.keys() and all(type(value[k]) is t for k, t in types.items()):
        return View(**rest.pop("view"))
    return None


def _take_facts(rest: Json, length: int) -> list[Fact]:
    value = rest.get("facts")
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    if value and not any("subject" in item for item in value):
        return []
    del rest["facts"]
    return [_fact(item, length) for item in value]


def _fact(item: Json, length: int) -> Fact:
    if item.keys() != _KEYS_OF_FACT:
        raise RecordError(f"has a fact with the keys {_keys(item)}; a fact has {', '.join(_FACT_KEYS)}")
    subject, relation, value, start, end = _of_fact(item)
    texts = isinstance(subject, str) and isinstance(relation, str) and isinstance(value, str)
    if not (texts and type(start) is int and type(end) is int):
        raise RecordError(
            "has a fact whose subject, relation or value is not text, or whose start or end is not a whole number"
        )
    if not value.strip():
        raise RecordError(f"has a fact without a value ({relation} of {subject})", "leave out what is not known")
    if not 0 <= start <= end <= length:
        raise RecordError(f"has a fact at characters {start} to {end}, and its text has {length}")
    return Fact(subject=subject, relation=relation, value=value, start=start, end=end)


def _take_meta(rest: Json) -> Json:
    """Everything that is left: the object under `meta`, and unknown keys beside it."""
    for key in ("facts", "choices", "meta"):  # a column that is empty in this row
        if rest.get(key, key) is None:
            del rest[key]
    inner = rest.get("meta")
    if not isinstance(inner, dict):
        return rest
    del rest["meta"]
    if shared := sorted(inner.keys() & rest.keys()):
        raise RecordError(f"has `{shared[0]}` twice: beside `meta` and inside it")
    return {**inner, **rest}


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _keys(form: Iterable[str]) -> str:
    return ", ".join(form) or "nothing"


def _kind(value: object) -> str:
    names = {
        str: "an empty text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


_LIKELY = {
    "text": ("content", "contents", "body", "context", "passage", "article", "document", "fact"),
    "prompt": ("prompt", "question", "input", "query", "instruction"),
    "answers": ("answers", "answer", "output", "target", "response", "completion", "possible_answers"),
}
"""Keys under which other tools keep a field."""


def _likely(name: str, form: Json) -> str | None:
    return next((key for key in _LIKELY[name] if key in form), None)


def _mapping_hint(name: str, form: Json) -> str:
    """How to say which key holds the field: the likeliest key of this object as an example."""
    return f"if another key holds it, say so: data.fields.{name}={_likely(name, form) or 'KEY'}"


def _kind_hint(form: Json) -> str:
    """The same for an object that may be meant as a question or as a document."""
    prompt, answers = _likely("prompt", form), _likely("answers", form)
    if prompt and answers and not _likely("text", form):
        return f"if it is a question, say so: data.fields.prompt={prompt} data.fields.answers={answers}"
    return _mapping_hint("text", form)
