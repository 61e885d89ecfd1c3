"""Formats that programs read are read by those programs, and say what the document says."""

from __future__ import annotations

import csv
import io
import json
import tomllib
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml

from kinj.augment.formats.flat import Flat
from kinj.augment.formats.table import FORMATS
from kinj.augment.skeleton import skeleton
from kinj.data.records import Document

TEXT = "He said \"no\" to C:\\temp & <b>.\n\nThen\tshe's {left}: 50 %, a, b; #3.\u00e9 It is — or was? — 'true'."


def view(name: str) -> str:
    return FORMATS[name].layout.render(Flat(Document(id="d", text=TEXT)))[0]


def single(*prefixes: str) -> list[str]:
    return [name for name in FORMATS if name.startswith(prefixes) and "+" not in name]


def values(form: Any) -> str:
    """The texts in a parsed object; keys left out."""
    if isinstance(form, dict):
        return "".join(values(value) for key, value in form.items() if key not in ("role", "level"))
    return "".join(map(values, form)) if isinstance(form, list) else str(form)


@pytest.mark.parametrize("name", [*single("json_"), "chat_json", "chat_json_lines", "log_json"])
def test_json(name: str) -> None:
    text = view(name)
    lines = text.splitlines() if name.endswith("_lines") or name == "log_json" else [text]
    assert skeleton(values([json.loads(line) for line in lines])) == skeleton(TEXT)


@pytest.mark.parametrize("name", single("yaml_"))
def test_yaml(name: str) -> None:
    assert skeleton(values(yaml.safe_load(view(name)))) == skeleton(TEXT)


@pytest.mark.parametrize("name", single("toml_"))
def test_toml(name: str) -> None:
    assert skeleton(values(tomllib.loads(view(name)))) == skeleton(TEXT)


@pytest.mark.parametrize("name", ["table_csv", "table_csv_numbered"])
def test_csv(name: str) -> None:
    rows = list(csv.reader(io.StringIO(view(name))))
    assert rows[0] == (["text"] if name == "table_csv" else ["n", "text"])
    assert skeleton("".join(row[-1] for row in rows[1:])) == skeleton(TEXT)


@pytest.mark.parametrize("name", [*single("xml_"), "table_html"])
def test_xml(name: str) -> None:
    root = ET.fromstring(f"<root>{view(name)}</root>")
    found = "".join(root.itertext()) + "".join(element.get("text", "") for element in root.iter())
    assert skeleton(found) == ("" if name == "xml_comment" else skeleton(TEXT))


@pytest.mark.parametrize("name", single("html_"))
def test_html(name: str) -> None:
    class Reader(HTMLParser):
        found = ""

        def handle_data(self, data: str) -> None:
            self.found += data

    reader = Reader()
    reader.feed(view(name))
    reader.close()
    assert skeleton(reader.found) == skeleton(TEXT)
