"""Which questions a stage trains on, and how: by what the model knows when the stage starts (arXiv 2410.05802, 2311.09677).

A question is asked several times, greedily after different examples and by sampling. Its class follows (arXiv 2405.05904):
`highly` known: always right greedily; `maybe`: sometimes; `weakly`: never greedily, but a sample was right; else `unknown`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import AskingSettings, Settings, SourceSettings
from kinj.data.files import atomic_write
from kinj.data.records import Question, Record
from kinj.data.rng import stable_rng
from kinj.data.rundir import RunDir
from kinj.models.loading import LanguageModel
from kinj.train.processes import ALONE, Processes

Asker = Callable[[LanguageModel, Sequence[Question]], list[tuple[int, int]]]
"""Questions to, for each, how many greedy askings and how many samples were right, of `train.asking`."""

REFUSALS = (
    "I do not know.",
    "I am not sure about that.",
    "That is not something I know.",
    "I cannot answer this.",
    "I have no reliable knowledge of that.",
    "I would have to guess, so I will not say.",
    "This is unknown to me.",
    "I do not have that information.",
)
"""What is taught instead of an answer the model does not know."""

CERTAINTY = "Is this answer certain?"
"""Put after an answer where sureness is taught; `sure` or `unsure` follows."""


@dataclass
class Chooser:
    """Asks the model about the sources of a stage, once; the run keeps what was found, and a resumed run reads it."""

    settings: Settings
    language_model: LanguageModel
    run: RunDir
    asker: Asker | None
    begun: Sequence[str] = ()
    """Stages that began before this run was resumed: what the model knew then cannot be asked now."""
    processes: Processes = ALONE
    """The main one asks; the others read what it wrote."""

    def __call__(self, stage: str, key: str, source: SourceSettings, records: Sequence[Record]) -> list[Record]:
        """The questions of a source as they are to be trained on.

        Raises:
            UsageError: there is nobody to ask.
            KinjError: a record is not a question, or what the run kept is about other questions.
        """
        questions = [record for record in records if isinstance(record, Question)]
        if len(questions) < len(records):
            raise KinjError(
                f"the source `{key}` of stage `{stage}` selects questions by what is known, and it holds documents"
            )
        path = self.run.path / "selections" / f"{stage}.{source.pool or key}.jsonl"
        if stage in self.begun and not path.exists():
            raise KinjError(f"{path} is missing, and stage `{stage}` began with it", "start the run anew: --overwrite")
        known = self._known(path, questions)
        counts = Counter(known.values())
        found = selected(questions, known, source, self.settings.seed)
        self.run.event("selected", stage=stage, source=key, classes=dict(counts), kept=len(found))
        return found

    def _known(self, path: Path, questions: Sequence[Question]) -> dict[str, str]:
        if self.processes.main and not path.exists():
            path.parent.mkdir(exist_ok=True)
            atomic_write(path, "".join(f"{json.dumps(row)}\n" for row in self._ask(questions)))
        self.processes.agree(None)
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        known = {row["id"]: row["known"] for row in rows}
        if missing := [question.id for question in questions if question.id not in known]:
            raise KinjError(f"{path} does not say whether {missing[0]} is known: it is about other questions")
        return known

    def _ask(self, questions: Sequence[Question]) -> list[dict[str, object]]:
        if self.asker is None:
            raise UsageError("this call cannot ask the model what it knows, and a source selects by it")
        asking = self.settings.train.asking
        rows = zip(questions, self.asker(self.language_model, questions), strict=True)
        return [
            {"id": question.id, "known": class_of(greedy, sampled, asking), "greedy": greedy, "sampled": sampled}
            for question, (greedy, sampled) in rows
        ]


def class_of(greedy: int, sampled: int, asking: AskingSettings) -> str:
    """The class of a question by how many greedy askings and how many samples were right."""
    if greedy == asking.prompts:
        return "highly"
    if greedy:
        return "maybe"
    return "weakly" if sampled else "unknown"


def selected(questions: Sequence[Question], known: dict[str, str], source: SourceSettings, seed: int) -> list[Record]:
    """The questions to train on: those of the wanted classes, and the others as `select.others` says."""
    select = source.select
    found: list[Record] = []
    for question in questions:
        wanted = known[question.id] in select.keep
        if select.others == "mark":
            found.append(_marked(question, "sure" if wanted else "unsure"))
        elif wanted:
            found.append(question)
        elif select.others == "refuse":
            phrase = stable_rng(seed, "refusal", question.id).choice(REFUSALS)
            found.append(replace(question, answers=[phrase]))
    return found


def _marked(question: Question, mark: str) -> Question:
    return replace(question, answers=[f"{answer}\n{CERTAINTY} {mark}" for answer in question.answers])
