"""YAML with the place of every value, and untyped: a scalar stays as written until the schema says what it must be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

NULLS = ("null", "~")
"""What means "no value". `None` does not: it is a word."""


@dataclass(frozen=True)
class Scalar:
    """One value as written; `quoted` text is never taken for a number, a truth value or null."""

    text: str
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        return not self.quoted and (self.text in NULLS or not self.text)


Value = Scalar | list[Any] | dict[str, Any]
"""A scalar, a list of values, or an empty mapping."""


@dataclass(frozen=True)
class Entry:
    """One setting: its path (`("optim", "lr")`), its value as written, and where that stands."""

    path: tuple[str, ...]
    value: Value
    origin: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


class YamlError(Exception):
    """Text that is not the YAML expected; `line` counts from 1."""

    def __init__(self, text: str, line: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


def from_python(value: Any) -> Value:
    """A value as kinj writes it: from a flag, or from code."""
    if value is None:
        return Scalar("null")
    if isinstance(value, bool):
        return Scalar(str(value).lower())
    if isinstance(value, (int, float)):
        return Scalar(repr(value))
    if isinstance(value, (list, tuple)):
        return [from_python(item) for item in value]
    return Scalar(str(value), quoted=True)


def file_entries(path: Path, name: str, prefix: tuple[str, ...] = ()) -> list[Entry]:
    """Every setting of a YAML file, with `name:line` as its origin.

    Raises:
        YamlError: the file is not valid YAML, not a mapping, or names a key twice.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise YamlError("is not UTF-8 text") from error
    return list(_walk(_compose(text), prefix, name, lines=True, top=True))


def text_entries(path: tuple[str, ...], text: str, origin: str) -> list[Entry]:
    """The settings in `text`, a YAML value typed on a command line or set in the environment.

    Raises:
        YamlError: it is not valid YAML.
    """
    return list(_walk(_compose(text), path, origin, lines=False))


def text_value(text: str) -> Value:
    """`text` as one YAML value: a scalar or a list.

    Raises:
        YamlError: it is neither.
    """
    return _value(_compose(text))


def text_scalar(text: str) -> Scalar:
    """`text` for a setting that holds text: as typed, less a pair of quotes around all of it."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return Scalar(text[1:-1], quoted=True)
    return Scalar(text)


def split_values(text: str) -> list[str]:
    """`text` cut at commas outside brackets and quotes: `[a,b],[c]` holds two values."""
    values, depth, quote = [""], 0, ""
    for letter in text:
        quote = "" if letter == quote else quote or (letter if letter in "'\"" else "")
        depth += 0 if quote else (letter in "[{(") - (letter in ")}]")
        if letter == "," and depth == 0 and not quote:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def _compose(text: str) -> yaml.Node | None:
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(f"is not valid YAML: {error.problem or error.context}", mark.line + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise YamlError(f"is not valid YAML: {str(error).splitlines()[0]}") from error


def _walk(
    node: yaml.Node | None, path: tuple[str, ...], name: str, *, lines: bool, top: bool = False, line: int = 0
) -> Iterator[Entry]:
    import yaml

    if top and node is not None and not isinstance(node, yaml.MappingNode):
        raise YamlError("must hold `key: value` lines", node.start_mark.line + 1)
    if not isinstance(node, yaml.MappingNode):
        if not (top and node is None):
            yield Entry(path, _value(node), f"{name}:{line}" if lines else name)
        return
    if not node.value and not top:
        yield Entry(path, {}, f"{name}:{line}" if lines else name)
    seen: set[str] = set()
    for key, child in node.value:
        here = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError("a key must be a name", here)
        if key.value in seen:
            raise YamlError(f"names `{key.value}` twice; keep one", here)
        seen.add(key.value)
        yield from _walk(child, (*path, *key.value.split(".")), name, lines=lines, line=here)


def _value(node: yaml.Node | None) -> Value:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.ScalarNode):
        return Scalar(node.value, quoted=node.style is not None)
    if isinstance(node, yaml.MappingNode):
        raise YamlError("a list may not hold `key: value` pairs here", node.start_mark.line + 1)
    return Scalar("")
