"""A served model that says whether answers are right. Its verdicts stand beside the string scores and never enter them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import UsageError
from kinj.config.prompts import load_prompts
from kinj.config.schema import EvalSettings
from kinj.data.files import atomic_write, to_json
from kinj.eval.base import Measure
from kinj.eval.cache import AnswerCache
from kinj.eval.scorers import SCORES
from kinj.eval.summary import measure_json
from kinj.models.asking import Progress
from kinj.models.requests import Request
from kinj.models.served import served
from kinj.stats import confusion

PLACES = ("question", "answers", "prediction")
RIGHT = 0.5
"""The least score that counts as right beside a verdict; exact match and containment are 0 or 1."""
_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_VERDICT = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)

Row = dict[str, Any]


class Judge:
    """Asks a served model of each answer in the files of a folder whether it is right.

    Args:
        settings: `eval.judge` names the model and the prompt file, `eval.in_flight` how many questions are on their way.

    Raises:
        UsageError: the name is not that of a served model, or the prompt file is wrong.
    """

    def __init__(self, settings: EvalSettings) -> None:
        name = str(settings.judge.model)
        model = served(name, settings.in_flight)
        if model is None:
            raise UsageError(f"eval.judge.model={name} is not a served model", "write openai:MODEL@URL")
        self.model, self.max_new_tokens = model, settings.judge.max_new_tokens
        self.prompts = load_prompts(
            "judge", settings.judge.prompt, {"ask": PLACES}, key="eval.judge.prompt", needed="prediction"
        )

    def add_to(
        self, results: Row, folder: Path, probes: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Any]:
        """Judges the answers of some probes: each line of `predictions/PROBE.jsonl` gets `judge`, and so does the probe's entry in
        the results, which are written anew.

        Args:
            results: the content of results.json.
            folder: where it and the predictions stand; replies are kept in its `cache/judge.jsonl` as they come.
            probes: names; those without generated answers are passed over.

        Returns:
            The results.

        Raises:
            UnfinishedError: the endpoint fails; the scores stand already, and the replies so far are kept.
        """
        cache = AnswerCache(folder / "cache" / "judge.jsonl")
        for name in probes:
            path = folder / "predictions" / f"{name}.jsonl"
            rows = [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
            answered = [row for row in rows if "prediction" in row]
            if not answered:
                continue
            asked = [row for row in answered if _question(row)]
            self._ask(asked, cache, progress)
            atomic_write(path, b"".join(to_json(row) + b"\n" for row in rows))
            results["probes"][name]["judge"] = self._summary(asked) | {"without_question": len(answered) - len(asked)}
        atomic_write(folder / "results.json", to_json(results, indent=True) + b"\n")
        return results

    def _ask(self, rows: Sequence[Row], cache: AnswerCache, progress: Progress | None) -> None:
        requests = [
            Request(kind="generate", prompt=self._prompt(row), max_new_tokens=self.max_new_tokens) for row in rows
        ]
        replies = cache.answer(self.model, self.model.fingerprint, requests, 0, progress)
        for row, reply in zip(rows, replies, strict=True):
            row["judge"] = {"right": verdict(reply.text or ""), "reply": reply.text}

    def _prompt(self, row: Row) -> str:
        answers = (
            "\n".join(row["answers"])
            or "(none: the question cannot be answered, and only an answer that says so is right)"
        )
        return self.prompts.render("ask", question=_question(row), answers=answers, prediction=row["prediction"])

    def _summary(self, rows: Sequence[Row]) -> Row:
        judged = [row for row in rows if row["judge"]["right"] is not None]
        about = {"model": self.model.name, "prompt": self.prompts.digest, "asked": len(rows)}
        about |= {"unparseable": len(rows) - len(judged)}
        if not judged:
            return about | {"right": None, "agreement": {}}
        verdicts = [bool(row["judge"]["right"]) for row in judged]
        right = measure_json(_share("right", judged, verdicts))
        return about | {"right": right, "agreement": {name: _agreement(name, judged, verdicts) for name in SCORES}}


def verdict(reply: str) -> bool | None:
    """Whether a reply begins with yes or no, after the reasoning of a model that shows it; None where it does neither."""
    found = _VERDICT.match(_THOUGHT.sub("", reply, count=1).strip())
    return None if found is None else found[1].lower() == "yes"


def _agreement(score: str, rows: Sequence[Row], verdicts: Sequence[bool]) -> Row:
    scored = [row["scores"][score] >= RIGHT for row in rows]
    same = [left == right for left, right in zip(verdicts, scored, strict=True)]
    found = confusion(verdicts, scored)
    counts = {
        "both": found.both,
        "judge_only": found.first_only,
        "score_only": found.second_only,
        "neither": found.neither,
    }
    return {"share": measure_json(_share(score, rows, same)), "kappa": found.kappa, **counts}


def _share(name: str, rows: Sequence[Row], hits: Sequence[bool]) -> Measure:
    clusters = [str(row["id"] if row.get("document") is None else row["document"]) for row in rows]
    return Measure(name=name, unit="share", direction=1, values=[float(hit) for hit in hits], clusters=clusters)


def _question(row: Row) -> str:
    """The wording of a line's question: `prompt`, or `question` in lines made elsewhere."""
    found = row.get("prompt") or row.get("question")
    return found if isinstance(found, str) else ""
