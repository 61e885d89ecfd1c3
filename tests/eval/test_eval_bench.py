"""`bench/eval.py` still runs, and its arms agree."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed (pip install kinj[bench])"
)
def test_a_quick_look_at_the_bench() -> None:
    command = [sys.executable, str(ROOT / "bench" / "eval.py"), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["answers_equal"] is True
    assert found["known"]["accuracy"] > 0.5 > found["unknown"]["accuracy"]
    ratios = {name for name in found if name.startswith("ratio_")}
    assert {"ratio_lm_eval_known", "ratio_lm_eval_unknown", "ratio_generate_known"} <= ratios
    assert all(found[name] > 0 for name in ratios)
