"""Prompt files: what a language model is asked, as text with places to fill in."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from kinj.config.errors import UsageError
from kinj.config.tree import conf_root, shown

_PLACE = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
"""`{name}` is filled in, `{{name}}` stands for itself. Other braces, as in JSON, mean nothing."""


@dataclass(frozen=True)
class PromptFile:
    """The texts of a prompt file by name, and its tables of variants (styles, forms)."""

    path: Path
    texts: Mapping[str, str]
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Stands for the content; views depend on it."""
        content = repr((sorted(self.texts.items()), [(name, list(self.tables[name].items())) for name in self.tables]))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def render(self, name: str, **values: str) -> str:
        """A text with its places filled in. Braces in the values stay as they are."""
        return _PLACE.sub(lambda match: f"{{{match[1]}}}" if match[1] else values[match[2]], self.texts[name])

    def chosen(self, table: str, names: Collection[str], key: str) -> dict[str, str]:
        """The variants of a table that a setting names; all if it names none.

        Raises:
            UsageError: a name that the file does not define.
        """
        known = self.tables[table]
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                guess = f"did you mean {near[0]}?\n" if near else ""
                raise UsageError(f"{key}: {shown(self.path)} has no `{name}`", f"{guess}there are: {', '.join(known)}")
        return {name: text for name, text in known.items() if not names or name in names}


def shipped(name: str) -> Path:
    """The prompt file that comes with a method."""
    return conf_root() / "prompts" / f"{name}.yaml"


def load_prompts(
    method: str,
    override: str | None,
    texts: Mapping[str, Collection[str]],
    tables: Collection[str] = (),
    *,
    key: str | None = None,
    needed: str = "document",
) -> PromptFile:
    """Reads a method's prompts, or the judge's, and checks them before anything is asked.

    Args:
        method: whose prompts.
        override: a file to use instead of the shipped one.
        texts: the texts the method needs, each with the placeholders it fills in.
        tables: tables of variants the method needs.
        key: the setting that names `override`; by default `augment.METHOD.prompt`.
        needed: the placeholder without which everything would be asked the same.

    Raises:
        UsageError: no such file; a text is missing, unknown or not text; an unknown placeholder; `needed` is not used.
    """
    path = Path(override).expanduser() if override else shipped(method)
    content = _read(path, key or f"augment.{method}.prompt")
    for part in content:
        if part not in (*texts, *tables):
            _refuse(
                path, f"has a part `{part}`, which {method} does not use", f"it uses: {', '.join((*texts, *tables))}"
            )
    for name, places in texts.items():
        _check_text(path, name, content.get(name), places, needed)
    for name in tables:
        table = content.get(name)
        if not (isinstance(table, dict) and table and all(isinstance(value, str) for value in table.values())):
            _refuse(path, f"has no table `{name}` of names and texts", f"see: kinj show prompt {method}")
    return PromptFile(path, {name: content[name] for name in texts}, {name: content[name] for name in tables})


def _read(path: Path, key: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{key}: {path} does not exist", "start from a shipped one: kinj show prompt") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{shown(path)} cannot be read as a prompt file: {reason}") from error
    if not isinstance(content, dict):
        _refuse(path, "is not a prompt file (names and texts, in YAML)", "start from a shipped one: kinj show prompt")
    return content


def _check_text(path: Path, name: str, text: Any, places: Collection[str], needed: str) -> None:
    listed = ", ".join(f"{{{place}}}" for place in places)
    if not isinstance(text, str) or not text.strip():
        _refuse(path, f"has no text `{name}`", f"it may use {listed}")
    used = [match[2] for match in _PLACE.finditer(text) if match[2]]
    for place in used:
        if place not in places:
            near = difflib.get_close_matches(place, places, 1)
            guess = f"did you mean {{{near[0]}}}?\n" if near else ""
            hint = f"{guess}there are: {listed}\nbraces that are meant literally are doubled: {{{{{place}}}}}"
            _refuse(path, f"uses {{{place}}} in `{name}`, which is not a placeholder", hint)
    if needed not in used:
        _refuse(path, f"does not use {{{needed}}} in `{name}`", f"without it every {needed} would be asked the same")


def _refuse(path: Path, what: str, hint: str) -> NoReturn:
    raise UsageError(f"the prompt file {shown(path)} {what}", hint)
