"""The site builds without a warning, needs no network, and leaves no page out."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.docs.pages import DOCS, ROOT, typed

LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "embed": "src", "object": "data"}
"""Elements that make a browser fetch something, and the attribute that says what; `link` is fetched by its `rel`."""
FETCHED_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "manifest",
    "modulepreload",
}


class Resources(HTMLParser):
    """Addresses that a browser fetches when it opens a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in LOADED:
            self.found.append(values.get(LOADED[tag], ""))
        if tag == "link" and FETCHED_RELATIONS & set(values.get("rel", "").split()):
            self.found.append(values["href"])


def outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


BUILD = "python -m mkdocs build --strict"
"""As `make docs` has it. With --quiet it would pass over warnings, and --strict would find none."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it; a warning ends the build."""
    folder = tmp_path_factory.mktemp("site")
    said = typed(f"{BUILD} --site-dir {folder}", ROOT, NO_MKDOCS_2_WARNING="1")
    assert "WARNING" not in said
    return folder


def pages() -> Iterator[str]:
    """The pages that must be there: all of docs/, the README and the examples."""
    for path in sorted(DOCS.rglob("*.md")):
        yield path.relative_to(DOCS).as_posix()
    yield "README.md"
    for path in sorted((ROOT / "examples").glob("*/README.md")):
        yield path.relative_to(ROOT).as_posix()


def built(page: str) -> str:
    page = re.sub(r"^(examples/\w+)/README\.md$", r"\1.md", page)
    return re.sub(r"(^|/)README\.html$", r"\1index.html", page.removesuffix(".md") + ".html")


@pytest.mark.slow
def test_a_page_that_is_not_in_the_navigation_and_a_dead_link_end_the_build(tmp_path: Path) -> None:
    for name in ("docs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("mkdocs.yml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "docs" / "left-out.md").write_text("# Left out\n\n[nowhere](sam.md#nowhere)\n")
    said = typed(f"! {BUILD}", tmp_path, NO_MKDOCS_2_WARNING="1")
    assert "left-out.md" in said
    assert "no such anchor" in said or "does not contain an anchor" in said


def test_make_docs_builds_in_the_same_way() -> None:
    assert f"/{BUILD}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_page_is_built_and_in_the_navigation(site: Path) -> None:
    expected = {built(page) for page in pages()}
    assert len(expected) > 60
    assert {page for page in expected if not (site / page).is_file()} == set()
    home = (site / "index.html").read_text(encoding="utf-8")
    listed = {address.partition("#")[0] for address in re.findall(r'href="([^"]*)"[^>]*class="md-nav__link', home)}
    assert {page for page in expected - {"index.html"} if page not in listed} == set()


@pytest.mark.slow
def test_nothing_is_fetched_from_a_network(site: Path) -> None:
    found = [each for page in site.rglob("*.html") for each in Resources(page.read_text(encoding="utf-8")).found]
    assert len(found) > 100
    assert [address for address in found if outside(address)] == []
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    imported = [address for text in styles for address in re.findall(r"(?:@import\s+|url\()[\"']?([^\"')\s]+)", text)]
    assert [address for address in imported if outside(address)] == []


@pytest.mark.slow
def test_pages_from_outside_docs_link_to_pages(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="examples/order.html"' in home
    example = (site / "examples/collapse.html").read_text(encoding="utf-8")
    assert 'href="../laws/collapse.html"' in example
    assert 'href="capacity.html"' in example


def test_links_between_files_become_links_between_pages() -> None:
    pytest.importorskip("mkdocs")
    hooks = runpy.run_path(str(DOCS / "hooks.py"))

    def turned(page: str, link: str) -> str:
        written: str = hooks["on_page_markdown"](f"[a]({link})", SimpleNamespace(file=SimpleNamespace(src_uri=page)))
        return written[4:-1]

    assert turned("index.md", "docs/sam.md#what-it-keeps") == "sam.md#what-it-keeps"
    assert turned("sam.md", "../examples/order/README.md") == "examples/order.md"
    assert turned("probes/qa.md", "../evaluation.md") == "../evaluation.md"
    assert turned("examples/order.md", "../../docs/laws/README.md") == "../laws/README.md"
    assert turned("examples/order.md", "results/order.svg") == "order/results/order.svg"
    assert turned("sam.md", "https://example.org/docs/a") == "https://example.org/docs/a"
    assert turned("sam.md", "#speed") == "#speed"
