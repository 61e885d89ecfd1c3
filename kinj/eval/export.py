"""Questions as tasks of lm-eval (EleutherAI's lm-evaluation-harness): YAML files, data, and the functions that score.

The prompts are those that kinj puts to the model, and the scores are kinj's own functions, so lm-eval finds the same on the
same answers; kinj has to be installed beside it. Generated answers and rankings become tasks of their own, one for each kind
of question; a text whose perplexity is measured has no task, since lm-eval cuts texts otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

import kinj
from kinj.config.errors import UsageError
from kinj.data.files import atomic_write
from kinj.eval.ranking import rankings
from kinj.eval.scorers import score_all
from kinj.models.codec import Codec
from kinj.models.gap_codecs import GapCodec
from kinj.models.requests import Request, Response

FUNCTIONS = "kinj_task.py"
_CODE = '''"""Reads the questions beside this file, and scores answers as kinj does."""

from pathlib import Path

import datasets

from kinj.eval.ranking import wins
from kinj.eval.scorers import score_all


def questions(file, **_):
    return datasets.load_dataset("json", data_files={"test": str(Path(__file__).parent / file)})


def scores(doc, results):
    return score_all(results[0], doc["answers"], doc["normalizer"])


def ranked(doc, results):
    return {"ranked_first": wins([logprob for logprob, _ in results])}
'''


def export(probe: str, requests: Sequence[Request], codec: Codec, folder: Path) -> list[str]:
    """Writes the questions of a probe as tasks, and returns the tasks' names.

    Args:
        probe: its name; the tasks are `kinj_PROBE`, or `kinj_PROBE_KIND` where it asks several kinds of questions.
        requests: what the probe asks.
        codec: puts questions into the model's format.
        folder: gets `TASK.yaml` and `TASK.jsonl` of each task, and the functions they name.

    Raises:
        UsageError: the model is none that lm-eval asks as kinj does.
    """
    if isinstance(codec, GapCodec):
        raise UsageError(
            f"{codec.name} is {codec.kind}: kinj asks it to fill a gap, which lm-eval does not",
            "export for a causal model",
        )
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / FUNCTIONS, _CODE)
    tasks = {**_generated(probe, requests, codec), **_ranked(probe, requests, codec)}
    for name, (task, rows) in tasks.items():
        atomic_write(folder / f"{name}.jsonl", b"".join(orjson.dumps(row) + b"\n" for row in rows))
        atomic_write(folder / f"{name}.yaml", _yaml(name, probe, task))
    return list(tasks)


Tasks = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]
"""What is special about a task, and its data, by name."""


def _generated(probe: str, requests: Sequence[Request], codec: Codec) -> Tasks:
    by_kind: defaultdict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.kind == "generate":
            by_kind[request.meta["question"].kind].append(request)
    return {_name(probe, kind, by_kind): _generation(group, codec) for kind, group in by_kind.items()}


def _generation(requests: Sequence[Request], codec: Codec) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    first = requests[0]
    rows = [
        _row(request, codec) | {"answers": request.meta["question"].answers, "normalizer": request.meta["normalizer"]}
        for request in requests
    ]
    return {
        "output_type": "generate_until",
        "doc_to_target": "{{answers[0]}}",
        "generation_kwargs": {"until": list(first.stop), "max_gen_toks": first.max_new_tokens, "do_sample": False},
        "process_results": "scores",
        "metric_list": _metrics(score_all("", [""], first.meta["normalizer"])),
    }, rows


def _ranked(probe: str, requests: Sequence[Request], codec: Codec) -> Tasks:
    """Rankings by the summed log-probability; those against a neutral premise are left to kinj."""
    asked = [Response(request=request) for request in requests if request.kind == "loglikelihood"]
    found = rankings(asked)
    if not found:
        return {}
    rows = [
        _row(ranking.first.request, codec) | {"choices": ranking.candidates, "gold": 0} for ranking in found.values()
    ]
    task = {
        "output_type": "multiple_choice",
        "doc_to_target": "gold",
        "doc_to_choice": "choices",
        "process_results": "ranked",
        "metric_list": _metrics(["ranked_first"]),
    }
    if codec.chat:
        task["target_delimiter"] = ""  # a chat template separates by itself
    return {f"kinj_{probe}_ranked": (task, rows)}


def _name(probe: str, kind: str, kinds: Mapping[str, object]) -> str:
    return f"kinj_{probe}_{kind}" if len(kinds) > 1 else f"kinj_{probe}"


def _row(request: Request, codec: Codec) -> dict[str, Any]:
    question = request.meta["question"]
    return {"id": question.id, "document": question.document, "text": codec.request_text(request)}


def _metrics(names: Sequence[str] | dict[str, float]) -> list[dict[str, Any]]:
    return [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in names]


class _Function(str):
    """A function in a file beside the YAML."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Function, lambda dumper, name: dumper.represent_scalar("!function", f"{Path(FUNCTIONS).stem}.{name}")
)


def _yaml(name: str, probe: str, task: dict[str, Any]) -> str:
    content = {
        "task": name,
        "tag": f"kinj_{probe}_all",
        "custom_dataset": _Function("questions"),
        "dataset_kwargs": {"file": f"{name}.jsonl"},
        "test_split": "test",
        "doc_to_text": "text",
        **task,
        "process_results": _Function(task["process_results"]),
        "metadata": {"version": 1, "kinj": kinj.__version__},
    }
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
