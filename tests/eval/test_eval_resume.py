"""An evaluation that was interrupted goes on where it stopped: no question is asked twice, and the results are the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config.errors import KinjError
from kinj.eval.cache import AnswerCache
from kinj.models.requests import Request

ASK = ["eval", "tiny", "--probe", "biographies", "eval.limit=120", "eval.batch_tokens=300"]


def kinj(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kinj", *ASK, "-o", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def here(folder: Path, *more: str) -> Result:
    """The same in this process, where nothing has to be imported first."""
    return CliRunner().invoke(app, [*ASK, "-o", str(folder), *more])


def answered(folder: Path) -> list[str]:
    path = folder / "cache" / "answers.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_an_interrupted_evaluation_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    stopped = kinj(tmp_path / "run")
    while not answered(tmp_path / "run") and stopped.poll() is None:
        time.sleep(0.01)
    stopped.send_signal(how)
    _, said = stopped.communicate(timeout=60)
    kept = answered(tmp_path / "run")
    assert 0 < len(kept) < 120, "it was not interrupted in the middle"
    if how == signal.SIGINT:
        assert stopped.returncode == 130
        assert "--resume" in said
    assert here(tmp_path / "run").exit_code == 2, "an existing folder is refused"
    again = here(tmp_path / "run", "--resume")
    assert again.exit_code == 0, again.stderr
    assert here(tmp_path / "whole").exit_code == 0
    found = answered(tmp_path / "run")
    assert [line for line in kept if line.endswith("}") and line not in found] == [], "answers were made anew"
    for name in ("results.json", "predictions/biographies.jsonl"):
        assert _rounded(tmp_path / "run" / name) == _rounded(tmp_path / "whole" / name)


def _rounded(path: Path) -> list[Any]:
    """Lines or one object; a log-probability made in another batch may differ in its last digits."""
    text = path.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    return [row | ({"logprob": round(row["logprob"], 3)} if "logprob" in row else {}) for row in rows]


def test_answers_are_kept_after_each_batch_and_a_torn_line_is_asked_again(language_model: Any, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "answers.jsonl"
    requests = [Request(kind="generate", prompt=f"Who? {n}", max_new_tokens=3) for n in range(9)]
    requests += [Request(kind="loglikelihood", prompt="Who?", continuation=name) for name in ("Ada", "Grace")]
    requests += [Request(kind="rolling", prompt=text) for text in ("The weather in the north is cold. " * 40, "")]
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append(len(path.read_bytes().splitlines()))
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        AnswerCache(path).answer(language_model, "m", requests, 30, stop)
    assert seen[-1] > 5
    with path.open("ab") as file:
        file.write(b'{"key": "cut o')
    asked: list[int] = []
    cache = AnswerCache(path)
    found = cache.answer(language_model, "m", requests, 30, lambda _, total: asked.append(total))
    assert asked[0] == len(requests) - seen[-1]
    plain = AnswerCache(None).answer(language_model, "m", requests, 30)
    assert [(r.text, r.tokens) for r in found] == [(r.text, r.tokens) for r in plain]
    assert found[-1].tokens == 0
    assert len(path.read_bytes().splitlines()) == len(requests)


def test_a_broken_file_of_answers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"key": 1\n{"key": "a"}\n', encoding="utf-8")
    with pytest.raises(KinjError, match=r"answers\.jsonl is broken"):
        AnswerCache(path)
