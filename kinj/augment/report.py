"""What an augmentation did, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinj.augment.base import AnyMethod, is_choosy
from kinj.augment.places import side_of
from kinj.augment.written.base import is_written
from kinj.augment.written.kept import failed_path
from kinj.config.names import WRITTEN
from kinj.config.wording import counted


@dataclass
class AugmentReport:
    """Counts of one augmentation.

    `documents` and `questions` are the originals. `shortfall` counts views that were asked for but are not possible,
    `short` the same by the method that could not make them, `short_documents` the originals concerned; `duplicates` views left
    out because another view of the original, or the original, has their text; `repeated` originals with the text of an earlier
    one (questions: with all that makes one), `removed` those of them that were left out. Of views in which something
    changed, `failed` counts by transform, `offending` by method, `changes` by method and change; `dropped` were left out;
    `audited` counts by method the views that were compared with their originals. `rejected` counts input lines set aside
    and `left_out` all input that was passed over, by reason; `skipped` what a method could have written and passed over.
    `written` counts what a language model was asked (requests, tokens, requests asked again because a reply was of no use,
    views fewer than asked for, replies that repeat another view, facts that a view does not repeat word by word) and
    `unwritten` what it was asked in vain, by reason.
    `tokens_in` and `tokens_out` are the tokens of a sample of the documents, and of those with their views.
    """

    output: str | None = None
    documents: int = 0
    questions: int = 0
    views: int = 0
    shortfall: int = 0
    short_documents: int = 0
    duplicates: int = 0
    repeated: int = 0
    removed: int = 0
    dropped: int = 0
    rejected: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    short: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    audited: Counter[str] = field(default_factory=Counter)
    offending: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    by_transform: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    unwritten: Counter[str] = field(default_factory=Counter)

    def count_chain(self, methods: Sequence[AnyMethod], wanted: int, made: int) -> None:
        """Counts what methods, applied one after the other, passed over, and how many views the first could not make."""
        for method in methods:
            if is_choosy(method) and method.skipped:
                self.skipped.update(method.skipped)
                method.skipped.clear()
        if is_written(methods[0]):
            self.written["views_fewer"] += wanted - made
        elif made < wanted:
            self.count_shortfall(methods[0], wanted - made)

    def count_shortfall(self, method: AnyMethod, views: int = 1) -> None:
        """Counts views that a method was asked for and could not make."""
        self.shortfall += views
        self.short[method.name] += views

    def count_document(self, transforms: Iterable[str], short: bool) -> None:
        """Counts a document and its views.

        Args:
            transforms: how each view was made.
            short: whether it has fewer than were asked for.
        """
        names = list(transforms)
        self.documents += 1
        self.short_documents += short
        self.views += len(names)
        self.by_transform.update(names)

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

    @property
    def originals(self) -> int:
        """Documents and questions that views were made of."""
        return self.documents + self.questions

    @property
    def views_per_document(self) -> float:
        """Or per question; on average."""
        return self.views / self.originals if self.originals else 0.0

    @property
    def token_factor(self) -> float:
        """By how much the views multiplied the tokens, in the sample."""
        return self.tokens_out / self.tokens_in if self.tokens_in else 0.0

    @property
    def noun(self) -> str:
        """What an original is called where one word has to do."""
        return "record" if self.documents and self.questions else "question" if self.questions else "document"

    def named_originals(self) -> str:
        """How many documents, or questions, or of each."""
        counts = {"document": self.documents, "question": self.questions}
        return " and ".join(counted(count, noun) for noun, count in counts.items() if count) or "0 documents"

    def lines(self) -> list[str]:
        """For people: what was made, and everything that was asked for and not made."""
        failed = sum(self.failed.values())
        changed = f"{counted(failed, 'view')} failed their check" if failed else "0 facts changed"
        if self.written and not (failed or set(WRITTEN) & self.audited.keys()):
            changed = "what a language model wrote was not checked"
        lines = [f"{self.named_originals()} → {counted(self.views, 'view')}, {changed}"]
        if self.shortfall:
            short = f"there are no more different ones of {counted(self.short_documents, self.noun)}"
            by_method = ", ".join(f"{name} {count:,}" for name, count in self.short.most_common())
            lines.append(f"{counted(self.shortfall, 'view')} fewer than asked for: {short} ({by_method})")
        if self.token_factor:
            lines.append(
                f"{self.views_per_document:.1f} views per {self.noun}, {self.token_factor:.1f} times the tokens"
            )
        if self.skipped:
            lines += [f"{why}: {count:,}" for why, count in sorted(self.skipped.items())]
        lines += self._about_written() + self._about_duplicates() + self._about_changes()
        if self.left_out:
            aside = f" (in {side_of(Path(self.output), 'rejected.jsonl')})" if self.output and self.rejected else ""
            lines.append(
                "input: " + ", ".join(f"{count:,} {why}" for why, count in sorted(self.left_out.items())) + aside
            )
        return lines

    def _about_written(self) -> list[str]:
        own = self.written
        if not own:
            return []
        tokens = f"{own['tokens_in']:,} tokens of prompts, {own['tokens_out']:,} of replies"
        lines = [f"language model: {counted(own['requests'], 'request')}, {tokens}, {own['asked_again']:,} asked again"]
        if own["views_fewer"]:
            why = [f"{count:,} because the reply {reason}" for reason, count in self.unwritten.most_common(5)]
            why += [f"{own['repeated']:,} because it repeats another view"] if own["repeated"] else []
            lines.append(
                f"{counted(own['views_fewer'], 'view')} fewer than asked for" + ": " * bool(why) + ", ".join(why)
            )
        if self.unwritten and self.output:
            lines.append(f"what could not be had is listed in {failed_path(Path(self.output))}")
        if own["facts_missing"]:
            lines.append(
                f"{counted(own['facts_missing'], 'fact')} not repeated word by word, so their views do not list them"
            )
        return lines

    def _about_duplicates(self) -> list[str]:
        lines = []
        if self.duplicates:
            lines.append(f"{counted(self.duplicates, 'duplicate')} removed: views with the text of another one")
        if self.repeated:
            what = "removed" if self.removed else "kept (augment.duplicates=drop leaves them out)"
            lines.append(f"{counted(self.repeated, self.noun)} with the text of an earlier one, {what}")
        return lines

    def _about_changes(self) -> list[str]:
        lines = []
        if self.failed:
            worst = ", ".join(f"{name} {count:,}" for name, count in self.failed.most_common(5))
            aside = f", all in {side_of(Path(self.output), 'audit.jsonl')}" if self.output else ""
            lines.append(f"failed by transform: {worst}; {self.dropped:,} of them left out{aside}")
        for name, seen in sorted(self.audited.items()):
            share = f"{self.offending[name] / seen:.2%}" if seen else "none"
            found = [
                f"{key.partition(': ')[2]} {n:,}"
                for key, n in sorted(self.changes.items())
                if key.startswith(f"{name}: ")
            ]
            what = f": {', '.join(found)}" if found else ""
            lines.append(f"audit of {name}: {share} of {counted(seen, 'view')} changed something{what}")
        return lines

    def __str__(self) -> str:
        return "\n".join([*self.lines(), *([self.output] if self.output else [])])
