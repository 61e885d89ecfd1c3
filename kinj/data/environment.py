"""What a run's numbers depend on besides its settings: versions, processor, threads, commit. No paths, no secrets."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    *("kinj", "torch", "transformers", "tokenizers", "accelerate", "datasets", "evaluate", "safetensors", "peft"),
    *("numpy", "scipy", "omegaconf", "pyarrow", "orjson"),
)
TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
"""Processor features that choose other arithmetic kernels."""


def environment() -> dict[str, Any]:
    """The environment of this process as JSON."""
    model, flags = _processor()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": model,
        "cpu_flags": sorted(set(TELLING_FLAGS) & set(flags)),
        "cpu_flags_hash": hashlib.sha256(" ".join(sorted(flags)).encode()).hexdigest()[:12],
        "cores": os.cpu_count(),
        "threads": _threads(),
        "gpus": _gpus(),
        "packages": _versions(),
        "commit": _commit(),
    }


def differences(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> list[str]:
    """What differs between two environments, as `key: old, now new`."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old}, now {new}")
    return found


def _processor() -> tuple[str, list[str]]:
    """Name and features, from /proc/cpuinfo where there is one."""
    entries: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            entries.setdefault(key.strip().lower(), value.strip())
    except OSError:
        pass
    model = entries.get("model name") or entries.get("hardware") or platform.processor() or platform.machine()
    return model, (entries.get("flags") or entries.get("features") or "").split()


def _threads() -> dict[str, Any]:
    torch = sys.modules.get("torch")  # not imported for this: what is not loaded computes nothing
    return {"torch": torch.get_num_threads() if torch else None, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}


def _gpus() -> list[str]:
    torch = sys.modules.get("torch")
    if not torch or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """Commit of the current folder's repository, with `+` where tracked files were changed; None outside of one."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=10).stdout.strip()
