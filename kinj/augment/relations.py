"""Sentence templates by relation: another way to say a known fact."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kinj.augment.entities import NUMBER_WORD
from kinj.config.errors import UsageError
from kinj.data.biographies import RELATIONS
from kinj.data.biographies.text import PRONOUNS, name_forms, templates

_COUNTING = re.compile(rf"\b{NUMBER_WORD}\b")

SUBJECT = ("Name", "name", "him", "His", "his")
"""Placeholders for the subject: at the start of a sentence, inside it, as an object, and as a possessive."""


@dataclass(frozen=True)
class Template:
    """A sentence around a value."""

    before: str
    after: str

    @property
    def value_first(self) -> bool:
        """Whether the value comes before the subject."""
        return not any(f"{{{part}}}" in self.before for part in SUBJECT)

    def fits(self, value: str) -> bool:
        """Whether a sentence may begin with the value, if this one does."""
        return bool(self.before) or not value[:1].islower()

    def around(self, value: str, forms: Mapping[str, str]) -> tuple[str, str]:
        """What stands before and after a value; `forms` are those of the subject."""
        after = self.after.removeprefix(".") if value.endswith(".") else self.after
        return self.before.format_map(forms), after.format_map(forms)


Templates = Mapping[str, tuple[Template, ...]]
"""Templates by relation."""


def shipped_templates() -> Templates:
    """Those of the generated biographies, from the lists that may be trained on; held-out sentences are never used.

    The few with a number in words (*the first years of life*) are left out: they say what other sentences do not.
    """
    return {
        relation: tuple(
            _template(sentence) for sentence in templates(relation, "train") if not _COUNTING.search(sentence)
        )
        for relation in RELATIONS
    }


def read_templates(key: str, path: str | None) -> Templates:
    """The shipped templates, and those of a file in place of the shipped ones for the relations it names.

    Args:
        key: the setting that names the file, for messages.
        path: a YAML file: each relation with its list of sentences.

    Raises:
        UsageError: there is no such file, or it holds something else; all that is wrong is said at once.
    """
    if path is None:
        return shipped_templates()
    try:
        content = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{key}: {path} cannot be read: {error}", _EXAMPLE) from error
    problems = _problems(content)
    if problems:
        raise UsageError(f"{key}: {path} is not a file of templates\n  " + "\n  ".join(problems), _EXAMPLE)
    return {**shipped_templates(), **{name: tuple(map(_template, found)) for name, found in content.items()}}


_EXAMPLE = """each relation has a list of sentences with {value} and the subject, such as
spouse:
  - "{Name} is married to {value}.\""""


def _template(sentence: str) -> Template:
    before, _, after = sentence.partition("{value}")
    return Template(before, after)


def _problems(content: Any) -> list[str]:
    if not isinstance(content, dict) or not content:
        return ["it holds no relations"]
    found = [f"{name}: not a list of sentences" for name, value in content.items() if not _is_list_of_texts(value)]
    for relation, sentences in content.items():
        if _is_list_of_texts(sentences):
            found += [f"{relation}: `{s}` {why}" for s in sentences if (why := _what_is_wrong(s))]
    return found


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _what_is_wrong(sentence: str) -> str:
    try:
        parts = list(string.Formatter().parse(sentence))
    except ValueError as error:
        return f"has a brace out of place ({error})"
    names = [name for _, name, _, _ in parts if name is not None]
    if any(spec or conversion for _, _, spec, conversion in parts):
        return "has a format after a placeholder's name"
    if unknown := [name for name in names if name not in (*SUBJECT, "value")]:
        return f"has the placeholder {{{unknown[0]}}}; there are {', '.join((*SUBJECT, 'value'))}"
    if names.count("value") != 1:
        return "must hold {value} once"
    return "" if any(name in SUBJECT for name in names) else "does not name the subject"


def forms_of(name: str, feminine: bool | None) -> dict[str, str]:
    """What a subject's placeholders become: the name, or pronouns where the gender is given."""
    return name_forms(name) if feminine is None else PRONOUNS["she" if feminine else "he"]
