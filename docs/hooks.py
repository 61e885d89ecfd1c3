"""What the site needs beyond Markdown (a hook of mkdocs): pages from outside docs/, and the pages of a folder in the navigation.

README.md and examples/ are read where they are, so that their links work on GitHub as well as here.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("*/README.md", "*/*.svg", "*/*.json", "*/results/*.svg", "*/results/*.json")
"""What the site takes from examples/."""
LINK = re.compile(r"(\]\()(?!\w+:|#)([^)\s#]+)")
"""A link or image of Markdown to a path: what stands before it, and the path."""


def on_config(config: Any) -> Any:
    """Puts the pages of a folder where the navigation names it."""
    config.nav = _spread(config.nav)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages and pictures that lie outside docs/."""
    found = [ROOT / "README.md", *(path for pattern in EXAMPLES for path in sorted((ROOT / "examples").glob(pattern)))]
    for path in found:
        files.append(File.generated(config, _in_site(path.relative_to(ROOT).as_posix()), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns links between files of the repository into links between pages of the site."""
    uri = page.file.src_uri
    folder = posixpath.dirname(_in_repository(uri))

    def turned(link: re.Match[str]) -> str:
        target = _in_site(posixpath.normpath(posixpath.join(folder, link[2])))
        return link[1] + posixpath.relpath(target, posixpath.dirname(uri) or ".")

    return LINK.sub(turned, markdown)


def _spread(entry: Any) -> Any:
    """An entry of the navigation, with lists of pages in place of names of folders."""
    if isinstance(entry, list):
        return [_spread(each) for each in entry]
    if isinstance(entry, dict):
        return {title: _spread(below) for title, below in entry.items()}
    if not entry.endswith("/"):
        return entry
    folder = ROOT / (entry if entry == "examples/" else f"docs/{entry}")
    pages = sorted(folder.rglob("*.md"), key=lambda path: (path.name != "README.md", path))
    return [_in_site(path.relative_to(ROOT).as_posix()) for path in pages]


def _in_site(path: str) -> str:
    """Where a file of the repository stands in the site. The site takes a README for a list: an example gets a name of its own."""
    if path == "README.md":
        return "index.md"
    return re.sub(r"^(examples/[^/]+)/README\.md$", r"\1.md", path).removeprefix("docs/")


def _in_repository(uri: str) -> str:
    """Where a page of the site stands in the repository."""
    if uri == "index.md":
        return "README.md"
    return uri.replace(".md", "/README.md") if uri.startswith("examples/") else f"docs/{uri}"
