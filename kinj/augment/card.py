"""What stands beside a finished output: its numbers, and a card that says what it is."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from kinj import __version__
from kinj.augment.report import AugmentReport
from kinj.config.schema import Settings
from kinj.data.files import to_json
from kinj.data.rejects import stem

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def stats(report: AugmentReport, identity: dict[str, Any], seconds: float, views_made: int) -> bytes:
    """`stats.json`: every count, what the output depends on, and how fast it was made.

    Args:
        seconds: how long this run took.
        views_made: views that this run wrote; others were there already.
    """
    content = {
        **report.to_json(),
        "views_per_document": report.views_per_document,
        "token_factor": report.token_factor,
        "seconds": round(seconds, 3),
        "views_per_second": round(views_made / seconds, 1),
        "settings": identity,
    }
    return to_json(content, indent=True) + b"\n"


def card(
    report: AugmentReport, settings: Settings, sources: Sequence[str], output: Path, command: Sequence[str]
) -> bytes:
    """A data card in the Hub's form. Equal outputs have equal cards.

    Args:
        command: the words of the command that made it; none where it was called from Python.
    """
    data = output.name if output.suffix else "[0-9]*.jsonl"
    head = {
        "pretty_name": f"Views of {', '.join(map(stem, sources))}",
        "tags": ["kinj", "augmentation"],
        "size_categories": [next((name for most, name in SIZES if report.originals + report.views < most), "n>10M")],
        "configs": [{"config_name": "default", "data_files": data}],
    }
    made = f"Made by kinj {__version__}" + (f":\n\n    {shlex.join(command)}" if command else ".")
    rows = [f"| {name} | {value} |" for name, value in _rows(report, settings)]
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---",
        f"# {head['pretty_name']}",
        f"{_what(report)} `source` is the id of the original that a view was made from, `view` how it was made.",
        made,
        "\n".join(["| | |", "|---|---|", *rows]),
    ]
    return ("\n\n".join(parts) + "\n").encode()


def _what(report: AugmentReport) -> str:
    """What the records are, in sentences."""
    kinds = {
        "Documents, each followed by its views: the same content in other words or shapes.": report.documents,
        "Questions, each followed by its views: the same question in other shapes, with the same answers.": report.questions,
    }
    return " ".join(kind for kind, count in kinds.items() if count)


def _rows(report: AugmentReport, settings: Settings) -> list[tuple[str, str]]:
    records = report.originals + report.views + report.duplicates
    originals = {"documents": report.documents, "questions": report.questions}
    rows = [
        *((noun, f"{count:,}") for noun, count in originals.items() if count),
        ("views", f"{report.views:,} ({report.views_per_document:.1f} per {report.noun})"),
        ("views fewer than asked for", f"{report.shortfall:,}"),
        ("methods", ", ".join(settings.augment.method)),
        ("seed", str(settings.seed)),
        ("tokens multiplied by", f"{report.token_factor:.1f} (tokenizer of {settings.model.name}, on a sample)"),
        ("duplicate views removed", f"{report.duplicates:,} ({report.duplicates / max(records, 1):.2%})"),
        (f"{report.noun}s that repeat another's text", f"{report.repeated:,} ({report.removed:,} removed)"),
        ("views in which something changed", f"{sum(report.failed.values()):,} ({report.dropped:,} left out)"),
        ("input lines set aside", f"{report.rejected:,}"),
    ]
    if report.written:
        asked = f"{settings.augment.llm.model}, {report.written['requests']:,} requests"
        rows += [("language model", asked), ("views that it did not write", f"{report.written['views_fewer']:,}")]
    return [*rows, *((f"audit of {name}", f"{n:,} views, {report.offending[name]:,} changed something")
                     for name, n in sorted(report.audited.items()))]  # fmt: skip
