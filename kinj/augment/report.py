"""What an augmentation did, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinj.augment.written.kept import failed_path


@dataclass
class AugmentReport:
    """Counts of one augmentation.

    `shortfall` counts views that were asked for but are not possible, `short_documents` the documents concerned;
    `failed` and `dropped` count views whose check failed, by transform, and those of them that were left out;
    `written` counts what a language model was asked (requests, tokens, requests asked again because a reply was of no use,
    views fewer than asked for, replies that repeat another view, facts that a view does not repeat word by word) and
    `unwritten` what it was asked in vain, by reason;
    `rejected` counts input lines set aside and `left_out` all input that was passed over, by reason.
    """

    output: str | None = None
    documents: int = 0
    views: int = 0
    shortfall: int = 0
    short_documents: int = 0
    dropped: int = 0
    rejected: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    by_transform: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    unwritten: Counter[str] = field(default_factory=Counter)

    def add(self, other: AugmentReport) -> None:
        """Adds the counts of another part of the same augmentation."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            elif isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `--json`; names sorted."""
        return {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> AugmentReport:
        """The report that `to_json` wrote."""
        report = cls()
        for name, value in values.items():
            setattr(report, name, Counter(value) if isinstance(value, dict) else value)
        return report

    def lines(self) -> list[str]:
        """For people: what was made, and everything that was asked for and not made."""
        failed = sum(self.failed.values())
        changed = f"{failed:,} views failed their check" if failed else "0 facts changed"
        if self.written and not failed:
            changed = "what a language model wrote was not checked"
        lines = [f"{_count(self.documents, 'document')} → {_count(self.views, 'view')}, {changed}"]
        if self.shortfall:
            short = f"{_count(self.short_documents, 'document')} too short for so many different formats"
            lines.append(f"{_count(self.shortfall, 'view')} fewer than asked for: {short}")
        if failed:
            worst = ", ".join(f"{name} {count:,}" for name, count in self.failed.most_common(5))
            lines.append(f"failed by transform: {worst}; {self.dropped:,} of them left out")
        if self.written:
            lines += self._written_lines()
        if self.left_out:
            lines.append("input: " + ", ".join(f"{count:,} {why}" for why, count in sorted(self.left_out.items())))
        return lines

    def _written_lines(self) -> list[str]:
        own = self.written
        tokens = f"{own['tokens_in']:,} tokens of prompts, {own['tokens_out']:,} of replies"
        lines = [f"language model: {_count(own['requests'], 'request')}, {tokens}, {own['asked_again']:,} asked again"]
        if own["views_fewer"]:
            why = [f"{count:,} because the reply {reason}" for reason, count in self.unwritten.most_common(5)]
            why += [f"{own['repeated']:,} because it repeats another view"] if own["repeated"] else []
            lines.append(
                f"{_count(own['views_fewer'], 'view')} fewer than asked for" + ": " * bool(why) + ", ".join(why)
            )
        if self.unwritten and self.output:
            lines.append(f"what could not be had is listed in {failed_path(Path(self.output))}")
        if own["facts_missing"]:
            lines.append(
                f"{_count(own['facts_missing'], 'fact')} not repeated word by word, so their views do not list them"
            )
        return lines

    def __str__(self) -> str:
        return "\n".join([*self.lines(), *([self.output] if self.output else [])])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
